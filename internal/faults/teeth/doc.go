// Command teeth shows that the harness bites: it plants bugs in the server, each by itself, and has the harness look for them:
//
//	go run ./internal/faults/teeth
//	go run ./internal/faults/teeth -seed 7 swallow-commit-error
//
// A bug is a patch in bugs/, whose first line says what it is. It is planted by an overlay of Go's build, so nothing of it ever is in
// the server's code. The harness, built as the code is, makes its short run against the server with the bug, and judges every now and
// then, until something is found. That is looked for in its report: each finding counts, by whichever check, but a run that is invalid
// finds nothing.
//
// The table has, for each bug, which checks found it, and how long after the start of the harness the first one spoke. The exit status
// is 0 when each bug was found, else 1; the histories and logs of runs that found nothing are kept.
package main
