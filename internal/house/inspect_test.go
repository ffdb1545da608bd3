package main

import (
	"fmt"
	"slices"
	"testing"
)

const module = "example.org/module"

// packageOf describes a package of one file.
func packageOf(path, name, file string, imports ...string) goPackage {
	return goPackage{path: path, name: name, files: []goFile{{name: file, imports: imports, lines: 10}}}
}

func packageOfLines(path string, lines ...int) goPackage {
	described := goPackage{path: path, name: "delivery"}
	for index, count := range lines {
		described.files = append(described.files, goFile{name: fmt.Sprintf("file%d.go", index), lines: count, code: count})
	}
	return described
}

func TestInspect_Sound(t *testing.T) {
	sound := house{
		module:   module,
		topLevel: []string{".github", ".gitignore", "Makefile", "README.md", "cmd", "gen", "go.mod", "go.sum", "internal", "openapi", "tools.go"},
		goMod: "module example.org/module // not a requirement\n\ngo 1.26.0\n\n" +
			"require github.com/google/uuid v1.6.0 // ids\n\n" +
			"require (\n\t// of this block\n\tgorm.io/gorm v1.31.2 // queries\n\n\tpgregory.net/rapid v1.3.0 // tests only\n)\n\n" +
			"require (\n\tgithub.com/jinzhu/now v1.1.5 // indirect\n)\n\n" +
			"replace (\n\tgorm.io/gorm v1.31.2 => ../gorm\n)\n\nexclude gorm.io/gorm v1.31.1\n",
		packages: []goPackage{
			packageOf("openapi", "openapi", "openapi.go", "embed", "github.com/getkin/kin-openapi/openapi3"),
			packageOf("gen/deliveryapi", "deliveryapi", "deliveryapi.gen.go", "net/http", "github.com/labstack/echo/v4"),
			packageOf("internal/delivery", "delivery", "report.go", "context", "encoding/json"),
			packageOf("internal/delivery", "delivery_test", "report_test.go", module+"/internal/store/storetest", "pgregory.net/rapid"),
			packageOf("internal/httpapi", "httpapi", "server.go", "github.com/labstack/echo/v4", module+"/gen/deliveryapi",
				module+"/openapi", module+"/internal/delivery", module+"/internal/apikey"),
			packageOf("internal/httpapi", "httpapi", "server_test.go", module+"/gen/deliveryclient", module+"/internal/store"),
			packageOf("internal/store", "store", "open.go", "gorm.io/gorm", "github.com/jackc/pgx/v5", module+"/internal/store/migrations"),
			packageOf("internal/store/storetest", "storetest", "conformance.go", "testing", module+"/internal/delivery"),
			packageOf("internal/store", "store", "open_test.go", "gorm.io/gorm"),
			packageOf("internal/apikey", "apikey", "key.go", "crypto/sha256"),
			packageOf("internal/config", "config", "config.go", "github.com/alecthomas/kong"),
			packageOf("internal/app", "app", "app.go", module+"/internal/httpapi", module+"/internal/store", "golang.org/x/sync/errgroup"),
			packageOf("cmd/numora-delivery", "main", "main.go", module+"/internal/app", module+"/internal/config", "github.com/alecthomas/kong"),
			packageOfLines("gen/deliveryclient", 20000),
			packageOfLines("internal/delivery", maxFileLines),
			{path: "internal/delivery", name: "delivery", files: []goFile{{name: "delivery_test.go", lines: 20000, code: 20000}}},
		},
	}
	for _, violation := range inspect(sound) {
		t.Error(violation)
	}
}

func TestInspect_Violations(t *testing.T) {
	for name, test := range map[string]struct {
		planted  goPackage
		topLevel []string
		goMod    string
		readme   string
		want     []string
	}{
		"the contract imports more than its library": {
			planted: packageOf("openapi", "openapi", "openapi.go", "github.com/google/uuid"),
			want:    []string{"openapi/openapi.go imports github.com/google/uuid, which openapi (the contract) may not"},
		},
		"generated code imports the house": {
			planted: packageOf("gen/deliveryapi", "deliveryapi", "deliveryapi.gen.go", module+"/internal/delivery"),
			want:    []string{"gen/deliveryapi/deliveryapi.gen.go imports " + module + "/internal/delivery, which gen (what is generated from the contract) may not"},
		},
		"the domain imports an external module": {
			planted: packageOf("internal/delivery", "delivery", "report.go", "github.com/google/uuid"),
			want:    []string{"internal/delivery/report.go imports github.com/google/uuid, which internal/delivery (the domain) may not"},
		},
		"the domain imports a neighbour": {
			planted: packageOf("internal/delivery", "delivery", "report.go", module+"/internal/apikey"),
			want:    []string{"internal/delivery/report.go imports " + module + "/internal/apikey, which internal/delivery (the domain) may not"},
		},
		"a name that only begins like a permitted one": {
			planted: packageOf("internal/config", "config", "config.go", "github.com/alecthomas/kong-yaml"),
			want:    []string{"internal/config/config.go imports github.com/alecthomas/kong-yaml, which internal/config (the settings) may not"},
		},
		"the HTTP room imports the store": {
			planted: packageOf("internal/httpapi", "httpapi", "server.go", module+"/internal/store"),
			want:    []string{"internal/httpapi/server.go imports " + module + "/internal/store, which internal/httpapi (the contract over HTTP) may not"},
		},
		"the HTTP room imports the client": {
			planted: packageOf("internal/httpapi", "httpapi", "server.go", module+"/gen/deliveryclient"),
			want:    []string{"internal/httpapi/server.go imports " + module + "/gen/deliveryclient, which internal/httpapi (the contract over HTTP) may not"},
		},
		"a room below the store imports the HTTP room": {
			planted: packageOf("internal/store/storetest", "storetest", "conformance.go", module+"/internal/httpapi"),
			want:    []string{"internal/store/storetest/conformance.go imports " + module + "/internal/httpapi, which internal/store (the databases) may not"},
		},
		"a command imports the store": {
			planted: packageOf("cmd/numora-delivery", "main", "main.go", module+"/internal/store"),
			want:    []string{"cmd/numora-delivery/main.go imports " + module + "/internal/store, which cmd (the commands) may not"},
		},
		"gorm outside the store": {
			planted: packageOf("internal/app", "app", "app.go", "gorm.io/driver/postgres"),
			want:    []string{"internal/app/app.go imports gorm.io/driver/postgres, which is for internal/store only"},
		},
		"gorm in a test outside the store": {
			planted: packageOf("internal/app", "app", "app_test.go", "gorm.io/gorm"),
			want:    []string{"internal/app/app_test.go imports gorm.io/gorm, which is for internal/store only"},
		},
		"echo outside the HTTP room": {
			planted: packageOf("cmd/numora-delivery", "main", "main.go", "github.com/labstack/echo/v4/middleware"),
			want:    []string{"cmd/numora-delivery/main.go imports github.com/labstack/echo/v4/middleware, which is for gen and internal/httpapi only"},
		},
		"an unknown room, with a fenced import": {
			planted: packageOf("internal/ledger", "ledger", "ledger.go", "gorm.io/gorm", "github.com/google/uuid"),
			want: []string{
				`"internal/ledger" is in no known room: give it a row in internal/house/rules.go, with its one subject`,
				"internal/ledger/ledger.go imports gorm.io/gorm, which is for internal/store only",
			},
		},
		"a vague package name": {
			planted: packageOf("internal/delivery/kinds", "types", "types.go"),
			want:    []string{`internal/delivery/kinds: "types" is no name for a package, say what it is about`},
		},
		"a vague folder name": {
			planted: packageOf("internal/store/helpers", "paging", "paging.go"),
			want:    []string{`internal/store/helpers: "helpers" is no name for a package, say what it is about`},
		},
		"a file that is too long": {
			planted: packageOfLines("internal/delivery", maxFileLines+1, maxFileLines),
			want:    []string{"internal/delivery/file0.go has 401 lines, 400 is the limit: split it by subject"},
		},
		"a module that is too long": {
			planted: packageOfLines("internal/delivery", slices.Repeat([]int{250}, 43)...),
			want:    []string{"there are 10750 lines of hand-written code, fewer than 10750 is the aim"},
		},
		"modules required without a reason": {
			goMod: "require example.org/alone v1.0.0\n\nrequire (\n\texample.org/bare v1.0.0\n\texample.org/empty v1.0.0 //\n" +
				"\t// A comment of its own is not behind it.\n\texample.org/below v1.0.0\n\texample.org/sound v1.0.0 // fonts\n)\n",
			want: []string{
				"go.mod requires example.org/alone without a reason: say behind it, as a comment, what it is for",
				"go.mod requires example.org/bare without a reason: say behind it, as a comment, what it is for",
				"go.mod requires example.org/empty without a reason: say behind it, as a comment, what it is for",
				"go.mod requires example.org/below without a reason: say behind it, as a comment, what it is for",
			},
		},
		"tests that there are not": {
			readme: "`TestThere`, `TestGone` and `make test`, not TestCode in words",
			want:   []string{"README.md names the test TestGone, which there is not"},
		},
		"strangers at the top level": {
			topLevel: []string{".ci", "Makefile", "docs", "scripts"},
			want: []string{
				"docs may not stand at the top level, which holds openapi, gen, internal, cmd, tools.go, Makefile, go.mod, go.sum, README.md",
				"scripts may not stand at the top level, which holds openapi, gen, internal, cmd, tools.go, Makefile, go.mod, go.sum, README.md",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inspected := house{module: module, topLevel: test.topLevel, goMod: test.goMod, readme: test.readme, tests: []string{"TestThere"}}
			if test.planted.path != "" {
				inspected.packages = []goPackage{test.planted}
			}
			if got := inspect(inspected); !slices.Equal(got, test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}
