//go:build browser

package app_test

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/numora/delivery/openapi"
)

// visited is how long a whole visit to the documentation may take.
const visited = 2 * time.Minute

// tellViolations makes the console tell of everything that the page's policy refused.
const tellViolations = `addEventListener("securitypolicyviolation", e =>
	console.error("the policy refused", e.effectiveDirective, e.blockedURI, e.sourceFile + ":" + e.lineNumber, e.sample))`

// visit is a browser on the documentation of a server.
type visit struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mutex    sync.Mutex
	asked    map[string]bool // which addresses it asked for
	problems []string        // what a page in order does not do
}

// open starts a browser that remembers nothing and goes to the documentation of the server at origin.
func open(t *testing.T, origin string) *visit {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("this test needs Chromium; on Debian: apt-get install chromium (%v)", err)
	}
	bounded, cancel := context.WithTimeout(t.Context(), visited)
	t.Cleanup(cancel)
	// Its profile is a new folder, which chromedp removes; it does without its sandbox for root alone, who can have none.
	allocator, cancel := chromedp.NewExecAllocator(bounded, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.DisableGPU, chromedp.WindowSize(1280, 1024),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
	)...)
	t.Cleanup(cancel)
	v := &visit{t: t, origin: origin, asked: map[string]bool{}}
	v.ctx, cancel = chromedp.NewContext(allocator, chromedp.WithListener(v.observe))
	t.Cleanup(cancel)
	v.do(
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: tellViolations})
			return err
		}),
		chromedp.Navigate(origin+"/docs/"),
		chromedp.WaitVisible(chromedp.CSS(".opblock")),
	)
	return v
}

// observe notes errors on the console and requests to another host.
func (v *visit) observe(event any) {
	problem := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			problem = fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		problem = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			problem += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			problem = "console." + e.Type.String()
			for _, argument := range e.Args {
				problem += " " + string(argument.Value) + argument.Description
			}
		}
	case *network.EventRequestWillBeSent:
		v.mutex.Lock()
		v.asked[e.Request.URL] = true
		v.mutex.Unlock()
		if !strings.HasPrefix(e.Request.URL, v.origin+"/") && !strings.HasPrefix(e.Request.URL, "data:") {
			problem = "it asks for " + e.Request.URL
		}
	}
	if problem != "" {
		v.mutex.Lock()
		defer v.mutex.Unlock()
		v.problems = append(v.problems, problem)
	}
}

// noted are the problems so far.
func (v *visit) noted() []string {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return slices.Clone(v.problems)
}

func (v *visit) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.t.Fatalf("%v; noted so far: %q", err, v.noted())
	}
}

// authorize gives the key in the page's dialog.
func (v *visit) authorize(key string) {
	v.t.Helper()
	v.do(
		chromedp.Click(chromedp.CSS(".auth-wrapper .authorize")),
		chromedp.SendKeys(chromedp.CSS(".dialog-ux input"), key),
		chromedp.Click(chromedp.CSS(".dialog-ux button[type=submit]")),
		chromedp.Click(chromedp.CSS(".dialog-ux .btn-done")),
		chromedp.WaitNotPresent(chromedp.CSS(".dialog-ux")),
	)
}

// operation is one of the page's operations.
type operation struct {
	*visit
	block string // selects what the page shows of it
}

// expand opens an operation, ready to be tried out.
func (v *visit) expand(tag, id string) operation {
	v.t.Helper()
	o := operation{v, fmt.Sprintf("#operations-%s-%s ", tag, id)}
	v.do(
		chromedp.Click(chromedp.CSS(o.block+".opblock-summary-control")),
		// Swagger UI follows an operation's references a moment after it shows it, and cannot execute it before. The
		// description of the 500, which each operation has, stands behind one.
		chromedp.WaitVisible(chromedp.CSS(o.block+".response[data-code='500'] .response-col_description__inner p")),
	)
	return o
}

// execute sends the request as the page has it, and returns the status that the page shows.
func (o operation) execute() string {
	o.t.Helper()
	o.do(chromedp.Click(chromedp.CSS(o.block + ".execute")))
	status, err := chromedp.Run(o.ctx, chromedp.Text(chromedp.CSS(o.block+".live-responses-table .response .response-col_status")))
	if err != nil {
		o.t.Fatalf("%s shows no answer: %v; noted so far: %q", o.block, err, o.noted())
	}
	return status
}

// fill gives a parameter another value than the one that stands there, which is a single word.
func (o operation) fill(parameter, value string) {
	o.t.Helper()
	field := chromedp.CSS(o.block + "tr[data-param-name=" + parameter + "] input")
	o.do(chromedp.DoubleClick(field), chromedp.KeyEvent(value))
}

// answered returns the body that the page shows of an answer.
func (o operation) answered() string {
	o.t.Helper()
	body, err := chromedp.Run(o.ctx, chromedp.TextContent(chromedp.CSS(o.block+".live-responses-table .response .highlight-code code")))
	if err != nil {
		o.t.Fatalf("%s shows no body: %v; noted so far: %q", o.block, err, o.noted())
	}
	return body
}

// clear takes away what the page shows of an answer.
func (o operation) clear() {
	o.t.Helper()
	o.do(chromedp.Click(chromedp.CSS(o.block+".btn-clear")), chromedp.WaitNotPresent(chromedp.CSS(o.block+".live-responses-table")))
}

// collapse closes it again: what it shows of the contract is long, and all of it would slow the page down.
func (o operation) collapse() {
	o.t.Helper()
	o.do(chromedp.Click(chromedp.CSS(o.block+".opblock-summary-control")), chromedp.WaitNotPresent(chromedp.CSS(o.block+".opblock-body")))
}

// unfold opens the schemas, all of them.
func (v *visit) unfold() {
	v.t.Helper()
	const folded = "section.models .model-container > .model-box > [aria-expanded=false]"
	v.do(chromedp.Click(chromedp.CSS("section.models .models-control")), chromedp.WaitVisible(chromedp.CSS(folded)))
	_, err := chromedp.Run(v.ctx, chromedp.Evaluate[chromedp.Void](`for (const button of document.querySelectorAll("`+folded+`")) button.click()`))
	check(v.t, err)
	v.do(chromedp.WaitNotPresent(chromedp.CSS(folded)))
}

// Everything in the page that can be tried out works with what stands in its fields already, under the page's
// policy, without a word on the console and without any other host. Only of a checkpoint there is none.
func TestBrowser_Docs_EveryOperationWorksAsItStands(t *testing.T) {
	s := startDev(t, t.TempDir())
	v := open(t, s.url)
	v.authorize(s.key)

	// Before anything is reported, the example document is due: requeuing it changes nothing, claiming it does. Only the
	// id of a claim cannot stand in a field before there is one.
	tried := []string{"retryPush", "claimDeliveries", "extendClaim", "releaseClaim", "recordDelivery"}
	var claim string
	for _, id := range tried[:4] {
		o := v.expand("Outbox", id)
		if claim != "" {
			o.fill("execution_id", claim)
		}
		if got := o.execute(); got != "200" {
			t.Errorf("%s: the page shows %q, want 200", id, got)
		}
		if id == "claimDeliveries" {
			claim = regexp.MustCompile("clm_[A-Z2-7]{26}").FindString(o.answered())
		}
		o.collapse()
	}

	record := v.expand("Deliveries", "recordDelivery")
	if got := record.execute(); got != "201" {
		t.Errorf("the success example: the page shows %q, want 201", got)
	}
	record.clear()
	if got := record.execute(); got != "200" {
		t.Errorf("the success example again: the page shows %q, want 200", got)
	}
	record.collapse()

	contract, err := openapi.Load()
	check(t, err)
	for _, path := range contract.Paths.InMatchingOrder() {
		for _, described := range contract.Paths.Value(path).Operations() {
			if slices.Contains(tried, described.OperationID) {
				continue
			}
			o := v.expand(described.Tags[0], described.OperationID)
			got := o.execute()
			o.collapse()
			want := byte('2')
			if described.OperationID == "getAuditCheckpoint" { // "make run" has no key to seal with
				want = '4'
			}
			if len(got) != 3 || got[0] != want { // "Undocumented" would stand beside it
				t.Errorf("%s: the page shows %q, want %c.. that is documented", described.OperationID, got, want)
			}
		}
	}
	v.unfold()
	v.mutex.Lock()
	if !v.asked[v.origin+"/openapi.yaml"] { // else nobody would have seen it ask for anything else
		t.Errorf("it asked for %v, want the contract among them", v.asked)
	}
	v.mutex.Unlock()
	for _, problem := range v.noted() {
		if !strings.HasSuffix(problem, " 404 (Not Found) "+v.origin+"/v1/audit/checkpoint") { // Chromium notes each 404
			t.Error(problem)
		}
	}
}
