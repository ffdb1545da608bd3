//go:build sdks

package app_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/internal/store/storetest"
	"github.com/numora/delivery/openapi"
)

// sdk is a client for one language: how its artefact gets into an empty project, and what is then run there.
type sdk struct {
	name    string
	install func(t *testing.T, project string) (environment []string) // which what is built there needs
	run     []string                                                  // in the project
	fence   string                                                    // how the page of recipes marks its language
	recipe  []string                                                  // runs the recipe, whose file is put behind it
	types   func(t *testing.T, project, program string)
}

var root = filepath.Join("..", "..")

var sdks = []sdk{
	{"go", installGo, []string{"./roundtrip"}, "go", []string{"go", "run", "-mod=mod"}, nil},
	// The recipe is as good JavaScript as TypeScript.
	{"typescript", installTypeScript, []string{"node", "roundtrip.mjs"}, "ts", []string{"node"}, compileTypeScript},
	{"python", installPython, []string{".venv/bin/python", "roundtrip.py"}, "python", []string{".venv/bin/python"}, checkPython},
}

// Each SDK, installed from what is handed out, does what workers do with the server as it is shipped.
func TestSDKs_RoundTrip(t *testing.T) {
	for _, s := range sdks {
		t.Run(s.name, func(t *testing.T) {
			project := t.TempDir()
			environment := s.install(t, project)
			databaseURL := storetest.SQLite(t)
			key := newKey(t, databaseURL)
			server := newReplica(t, databaseURL)
			server.launch(binary)
			awaitReady(t, server)
			flaky := newFlaky(t, "http://"+server.address)

			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			program := exec.CommandContext(ctx, s.run[0], s.run[1:]...)
			program.Dir = project
			program.Env = append(withoutNumora(os.Environ()), "NUMORA_API_URL=http://"+server.address, "NUMORA_API_KEY="+key,
				"NUMORA_PROXY_URL="+answering(t, http.StatusBadGateway, "text/html", "<html><body>Bad gateway</body></html>"),
				"NUMORA_DOWN_URL="+answering(t, http.StatusServiceUnavailable, "application/json", unavailableBody), "NUMORA_FLAKY_URL="+flaky.url)
			var complaints bytes.Buffer
			program.Stderr = &complaints
			said, err := program.StdoutPipe()
			check(t, err)
			told, err := program.StdinPipe()
			check(t, err)
			check(t, program.Start())
			var steps []string
			for lines := bufio.NewScanner(said); lines.Scan(); {
				if lines.Text() != "restart" {
					steps = append(steps, strings.TrimPrefix(lines.Text(), "ok "))
					continue
				}
				check(t, server.command.Process.Kill())
				<-server.ended
				_, err := io.WriteString(told, "dead\n")
				check(t, err)
				time.Sleep(time.Second) // as a supervisor takes
				server.launch(binary)
			}
			if err := program.Wait(); err != nil {
				t.Fatalf("%v after %v: %s", err, steps, complaints.String())
			}
			for _, step := range []string{"register", "record", "conflict", "invalid", "unknown", "unauthorized", "pages", "claim", "release", "proxy", "flaky", "down", "restart"} {
				if !slices.Contains(steps, step) {
					t.Errorf("it did not do %q: %v", step, steps)
				}
			}
			flaky.check(s.name + "-flaky")
			awaitReady(t, server)
			runRecipe(t, s, project, environment, server.address, key)
		})
	}
}

// recipes are the programs of the page of recipes, by how it marks their language. The first of a language that is more than
// an installation counts.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "openapi", "sdk", "README.md"))
	check(t, err)
	found := make(map[string]string)
	for _, block := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		if language, program := block[1], block[2]; found[language] == "" && strings.Contains(program, "NUMORA_API_URL") {
			found[language] = program
		}
	}
	return found
}

// runRecipe runs the recipe of a language in a project, and looks at what it recorded.
func runRecipe(t *testing.T, s sdk, project string, environment []string, address, key string) {
	t.Helper()
	client := &server{t: t, url: "http://" + address, key: key}
	client.wants(http.StatusCreated, http.MethodPut, "/v1/documents/doc_1", `{"status":"reviewed","providers":["dynamics365"]}`)
	folder := project
	if s.name == "go" { // beside the round trip there is room for no other program
		folder = filepath.Join(project, "recipe")
		check(t, os.Mkdir(folder, 0o700))
	}
	file := filepath.Join(folder, "recipe."+map[string]string{"go": "go", "ts": "mjs", "python": "py", "sh": "sh"}[s.fence])
	program := recipes(t)[s.fence]
	check(t, os.WriteFile(file, []byte(program), 0o600))
	if s.types != nil {
		s.types(t, project, program)
	}
	environment = append(environment, "NUMORA_API_URL=http://"+address, "NUMORA_API_KEY="+key)
	for range 2 { // the second is a replay
		must(t, project, environment, append(slices.Clone(s.recipe), file)...)
	}
	if got := client.wants(http.StatusOK, http.MethodGet, "/v1/documents/doc_1", ""); !strings.Contains(string(got), `"execution_id":"recipe-`+s.name+`-doc_1"`) ||
		!strings.Contains(string(got), `"status":"push_succeeded"`) {
		t.Errorf("after the recipe the document is %s", got)
	}
}

func TestSDKs_CurlRecipe(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	key := newKey(t, databaseURL)
	s := start(t, databaseURL, key)
	runRecipe(t, sdk{name: "curl", fence: "sh", recipe: []string{"bash", "-e"}}, t.TempDir(), nil, strings.TrimPrefix(s.url, "http://"), key)
}

func withoutNumora(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "NUMORA_") })
}

const unavailableBody = `{"error":{"code":"unavailable","message":"The server cannot work just now.","request_id":"r1","outcome":"not_executed"}}`

// answering is a server that answers nothing else.
func answering(t *testing.T, status int, kind, body string) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// flaky is in front of a server. The third request it lets through, and loses the answer; the fourth is a replay then.
type flaky struct {
	t      *testing.T
	url    string
	mutex  sync.Mutex
	bodies []string
}

func newFlaky(t *testing.T, server string) *flaky {
	t.Helper()
	target, err := url.Parse(server)
	check(t, err)
	f, through := &flaky{t: t}, httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f.mutex.Lock()
		f.bodies = append(f.bodies, string(body))
		n := len(f.bodies)
		f.mutex.Unlock()
		switch n {
		case 1, 2:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(map[int]int{1: http.StatusTooManyRequests, 2: http.StatusServiceUnavailable}[n])
			_, _ = io.WriteString(w, unavailableBody)
		case 3:
			r.Body = io.NopCloser(bytes.NewReader(body))
			through.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			through.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

// check wants the same bytes four times, with this execution id.
func (f *flaky) check(executionID string) {
	f.t.Helper()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.bodies) != 4 || len(slices.Compact(slices.Clone(f.bodies))) != 1 || !strings.Contains(f.bodies[0], `"`+executionID+`"`) {
		f.t.Errorf("what was sent: %q", f.bodies)
	}
}

// must runs a command in a folder, and ends the test when it fails.
func must(t *testing.T, folder string, environment []string, command ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Dir, c.Env = folder, append(withoutNumora(os.Environ()), environment...)
	if output, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, output)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	check(t, err)
	check(t, os.WriteFile(to, content, 0o600))
}

// pack runs an SDK's own script, and returns the one artefact that it made.
func pack(t *testing.T, language string) string {
	t.Helper()
	out := t.TempDir()
	must(t, root, nil, filepath.Join("openapi", "sdk", language, "pack"), filepath.Join("gen", language), out)
	made, err := filepath.Glob(filepath.Join(out, "*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("packed %v, error %v", made, err)
	}
	return made[0]
}

func installTypeScript(t *testing.T, project string) (environment []string) {
	check(t, os.WriteFile(filepath.Join(project, "package.json"), []byte(`{"private":true}`), 0o600))
	must(t, project, nil, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", pack(t, "typescript"))
	copyFile(t, filepath.Join(root, "openapi", "sdk", "typescript", "roundtrip.mjs"), filepath.Join(project, "roundtrip.mjs"))
	return nil
}

func installPython(t *testing.T, project string) (environment []string) {
	must(t, project, nil, "python3", "-m", "venv", ".venv")
	must(t, project, nil, ".venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", pack(t, "python"))
	copyFile(t, filepath.Join(root, "openapi", "sdk", "python", "roundtrip.py"), filepath.Join(project, "roundtrip.py"))
	return nil
}

// compileTypeScript has the compiler take a program that uses the installed package, but for the names that Node brings.
func compileTypeScript(t *testing.T, project, program string) {
	t.Helper()
	compiler, err := filepath.Abs(filepath.Join(root, ".tools", "sdk-typescript", "node_modules", ".bin", "tsc"))
	check(t, err)
	const node = "declare const process: { env: Record<string, string | undefined> };\n"
	check(t, os.WriteFile(filepath.Join(project, "recipe.mts"), []byte(node+program), 0o600))
	must(t, project, nil, compiler, "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "recipe.mts")
}

// checkPython has the type checker take a program that uses the installed package.
func checkPython(t *testing.T, project, program string) {
	t.Helper()
	checker, err := filepath.Abs(filepath.Join(root, ".tools", "sdk-python", "bin", "mypy"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(project, "typed.py"), []byte(program), 0o600))
	must(t, project, nil, checker, "--strict", "--python-executable", ".venv/bin/python", "typed.py")
}

const goModule = "github.com/numora/delivery"

// installGo builds against the module's zip, as a proxy of Go modules has it.
func installGo(t *testing.T, project string) (environment []string) {
	contract, err := openapi.Load()
	check(t, err)
	version, proxy := "v"+contract.Info.Version, t.TempDir()
	versions := filepath.Join(proxy, filepath.FromSlash(goModule), "@v")
	check(t, os.MkdirAll(versions, 0o700))
	check(t, os.WriteFile(filepath.Join(versions, "list"), []byte(version+"\n"), 0o600))
	check(t, os.WriteFile(filepath.Join(versions, version+".info"), fmt.Appendf(nil, `{"Version":%q}`, version), 0o600))
	copyFile(t, filepath.Join(root, "go.mod"), filepath.Join(versions, version+".mod"))
	zipModule(t, filepath.Join(versions, version+".zip"), goModule+"@"+version+"/")

	// What else it needs the tests have needed, too, so that it is there. It gets a cache of its own, which no version stays in
	// that nobody has released.
	known, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	check(t, err)
	environment = []string{
		"GOPROXY=file://" + proxy + ",file://" + filepath.Join(strings.TrimSpace(string(known)), "cache", "download"), "GONOSUMDB=*",
		"GOMODCACHE=" + t.TempDir(), "GOFLAGS=-mod=mod -modcacherw", "CGO_ENABLED=0", "GOWORK=off",
	}
	copyFile(t, filepath.Join(root, "openapi", "sdk", "go", "testdata", "roundtrip", "main.go"), filepath.Join(project, "main.go"))
	must(t, project, environment, "go", "mod", "init", "worker.example/roundtrip")
	must(t, project, environment, "go", "get", goModule+"@"+version)
	must(t, project, environment, "go", "build", "-o", "roundtrip", ".")
	return environment
}

// zipModule writes the repository's files as a module's zip.
func zipModule(t *testing.T, name, prefix string) {
	t.Helper()
	listing := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.go", "go.mod", "openapi/delivery.yaml", "gen/deliveryclient")
	listing.Dir = root
	files, err := listing.Output()
	check(t, err)
	var text bytes.Buffer
	archive := zip.NewWriter(&text)
	for file := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, file))
		check(t, err)
		entry, err := archive.Create(prefix + file)
		check(t, err)
		_, err = entry.Write(content)
		check(t, err)
	}
	check(t, archive.Close())
	check(t, os.WriteFile(name, text.Bytes(), 0o600))
}

// The files that the page has people install are those that "make release" makes.
func TestSDKs_RecipesNameTheVersion(t *testing.T) {
	contract, err := openapi.Load()
	check(t, err)
	page, err := os.ReadFile(filepath.Join(root, "openapi", "sdk", "README.md"))
	check(t, err)
	for _, file := range []string{"numora-delivery-client-%s.tgz", "numora_delivery_client-%s-py3-none-any.whl"} {
		if name := fmt.Sprintf(file, contract.Info.Version); !strings.Contains(string(page), name) {
			t.Errorf("the page does not name %s", name)
		}
	}
}
