package httpapi

import "time"

// Observer is told what becomes of requests, to count it. It must be quick, and safe to use at once.
type Observer interface {
	// Answered tells of each request, once it was answered; operation is the contract's operationId, or empty
	// when no route matched.
	Answered(operation string, status int, took time.Duration)
	// Recorded tells what became of a report that reached the service: one of Outcomes.
	Recorded(provider, outcome string)
	// Shed tells of a request that was refused because there is too much to do.
	Shed(reason string)
}

// blind is the observer where nobody observes.
type blind struct{}

func (blind) Answered(string, int, time.Duration) {}
func (blind) Recorded(string, string)             {}
func (blind) Shed(string)                         {}
