package history

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// slack is what an answer may take beyond the deadline: to be carried, and to find a processor.
const slack = time.Second

// finals are the 4xx of the contract that stay so.
var finals = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
	http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
	http.StatusRequestHeaderFieldsTooLarge,
}

// checkAnswers: every answer is one that the contract has, in time. Nothing but a server that was killed or stopped leaves a client
// without one.
func checkAnswers(x *index, f *findings) {
	for i := range x.Operations {
		o := &x.Operations[i]
		if wrong := o.wrongAnswer(); wrong != "" {
			f.add("%s was answered %d at %s: %s", o.name(), o.HTTP, o.Return, wrong)
		}
		if took := o.Took(); o.HTTP != 0 && !o.Halted && took > x.Deadline+slack {
			f.add("%s was answered %d at %s, after %s", o.name(), o.HTTP, o.Return, took)
		}
	}
}

// wrongAnswer says what is wrong with an answer as such.
func (o *Operation) wrongAnswer() string {
	switch {
	case o.Outcome == Broken:
		return "the contract does not have that: " + o.Problem
	case o.HTTP == 0:
		if o.Outcome != Unknown && o.Outcome != NotExecuted {
			return "without an answer nobody knows that it is " + string(o.Outcome)
		}
		if o.Outcome == Unknown && !o.Halted {
			return "nothing had befallen the server, which did not answer: " + o.Problem
		}
	case o.HTTP/100 == 2:
		if o.Outcome == Done && o.Kind == Record && o.Attempt == nil {
			return "there is no attempt in it"
		}
		if o.Outcome != Done && o.Outcome != Unknown { // it may have been cut short
			return "it is taken for " + string(o.Outcome)
		}
	case o.HTTP == http.StatusTooManyRequests, o.HTTP == http.StatusServiceUnavailable:
		return o.wrongRefusal()
	case !slices.Contains(finals, o.HTTP):
		return "the contract does not have that status"
	case o.HTTP == http.StatusConflict && o.Kind == Record && o.Code != "conflict":
		return "a report is never refused as " + o.Code
	case o.Outcome != Refused:
		return "it is taken for " + string(o.Outcome)
	}
	return ""
}

// wrongRefusal says what is wrong with an answer that says to try again.
func (o *Operation) wrongRefusal() string {
	if seconds, err := strconv.Atoi(o.RetryAfter); err != nil || seconds < 1 {
		return "Retry-After is " + strconv.Quote(o.RetryAfter)
	}
	want := NotExecuted
	if o.HTTP == http.StatusServiceUnavailable {
		switch o.Says {
		case "not_executed":
		case "outcome_unknown":
			want = Unknown
		default:
			return "its outcome is " + strconv.Quote(o.Says)
		}
	}
	if o.Outcome != want {
		return "it is taken for " + string(o.Outcome)
	}
	return ""
}

// name says which operation it is.
func (o *Operation) name() string {
	name := string(o.Kind)
	for _, id := range []string{o.ExecutionID, o.DocumentID, o.Provider, o.Worker} {
		if id != "" {
			name += " " + id
		}
	}
	return name
}
