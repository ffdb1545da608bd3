// Command faults tries to break the promise that no acknowledged report is ever lost and no execution id ever has two:
//
//	go run ./internal/faults
//	go run ./internal/faults -minutes 30 -seed 7
//
// # What it does
//
// It builds the server and starts three processes of it over one PostgreSQL of its own (package cluster), each behind a TCP proxy
// that knows where a transaction is (package wire). Clients work as workers do (package workers): they register documents, report,
// replay, contradict, claim, extend, release, requeue and read, and send again what was not answered for good. Meanwhile one thing
// after the other goes wrong: plan.go lists what. Each request and what came of it is a line of the history. In the end that is held
// against what PostgreSQL then has and the documents show (package history), and the sealed audit history is verified. Before the
// load, proofs that need no load are made one by one (package alone): that an answer follows the fsync of what it acknowledges, that
// SQLite survives being killed, and that a full disk is told.
//
// Without -minutes each fault is once, in an order that the seed decides; with it, round after round follows until the time is over.
// The same seed makes clients and faults decide alike, as far as what they are answered lets them.
//
// # What is measured
//
// A fault counts when it was felt: a trap sprung, a process ended, clients were refused. Its recovery is the time from when the cause
// was gone (the server listens, PostgreSQL accepts connections, is thawed, or was released) until each of the servers has
// acknowledged a write that it was sent after that, by a client or by a probe of the harness's own. Where PostgreSQL accepts
// connections again, and where it is thawed, that must be within a second. While PostgreSQL is frozen each request must be answered
// within the deadline and half a second.
//
// After each fault every server has to be back at its base line within ten seconds: goroutines, as its profile counts them, and
// connections, as PostgreSQL does. Clients stand still for that moment, without connections, as they do before the first fault: what
// there is then is the server's own, and it is back when it is seen with no more than 5 % above that. It may have fewer connections to
// PostgreSQL than the number that is set: they are opened as they are needed.
//
// # How to read the report
//
// GREEN (exit code 0): nothing was found. RED (1): something was; each finding names its check and the ids that it is about.
// INVALID (3): nothing can be said, because a fault was not felt, there was too little load, or the run broke off; the report says
// why. Of a run that is not green the history, the logs of the servers and of PostgreSQL are kept in the directory that the
// report names, and "-judge FILE" judges the history again. These are the program's own exit codes: "go run" and make have one of
// theirs for all that are not 0.
package main
