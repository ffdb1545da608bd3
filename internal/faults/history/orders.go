package history

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// The time that Porcupine has. What it does not decide in it counts as a finding.
const (
	perDelivery   = 10 * time.Second
	allDeliveries = 3 * time.Minute
)

// checkOrders asks Porcupine, for each delivery that was claimed, requeued or read: is there an order of what was done, each
// between its call and its return, in which every answer is right?
func checkOrders(x *index, f *findings) { x.checkOrdersWithin(f, perDelivery, allDeliveries) }

func (x *index) checkOrdersWithin(f *findings, each, all time.Duration) {
	var asked []*deliveries
	for _, d := range x.deliveries {
		if len(d.leases)+len(d.requeues)+len(d.reads) > 0 {
			asked = append(asked, d)
		}
	}
	slices.SortFunc(asked, func(a, b *deliveries) int {
		return cmp.Or(cmp.Compare(a.documentID, b.documentID), cmp.Compare(a.provider, b.provider))
	})
	deadline := time.Now().Add(all)
	results := make([]string, len(asked))
	next := make(chan int)
	var working sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for i := range next {
				results[i] = x.order(asked[i], min(each, time.Until(deadline)))
			}
		})
	}
	for i := range asked {
		next <- i
	}
	close(next)
	working.Wait()
	for i, d := range asked {
		if results[i] != "" {
			f.add("delivery %s of document %s: %s", d.provider, d.documentID, results[i])
		}
	}
}

// order says why there is no order for a delivery, or that it is not known.
func (x *index) order(d *deliveries, within time.Duration) string {
	steps := x.steps(d)
	if within <= 0 {
		return "no time is left to look for an order of its operations"
	}
	slices.SortStableFunc(steps, func(a, b *step) int { return cmp.Compare(a.call, b.call) })
	operations := make([]porcupine.Operation, len(steps))
	for i, s := range steps {
		operations[i] = porcupine.Operation{ClientId: i, Input: s, Call: int64(s.call), Return: int64(s.by)}
	}
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{begins} },
		Step: func(state, input, _ any) []any {
			after := input.(*step).after(state.(standing))
			states := make([]any, len(after))
			for i, s := range after {
				states[i] = s
			}
			return states
		},
	}
	switch porcupine.CheckOperationsTimeout(model.ToModel(), operations, within) {
	case porcupine.Ok:
		return ""
	case porcupine.Unknown:
		return "whether there is an order of its operations could not be decided in time: " + described(steps)
	default:
		return "no order of its operations makes all their answers right: " + described(steps)
	}
}

func described(steps []*step) string {
	const most = 40
	var text []string
	for _, s := range steps[:min(len(steps), most)] {
		text = append(text, s.text)
	}
	return strings.Join(text, "; ")
}
