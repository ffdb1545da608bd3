package main

import (
	"context"
	"slices"
	"time"
)

// figure is what one round of one thing gave.
type figure struct {
	rate        float64 // per second
	done        int64
	took        histogram
	refused     histogram
	serverCPU   time.Duration
	databaseCPU time.Duration
	loadCPU     time.Duration // for each request
	memory      int64         // at most
}

// figures are those of all rounds of one thing.
type figures []figure

func (f figures) median(of func(figure) float64) float64 {
	values := make([]float64, len(f))
	for i := range f {
		values[i] = of(f[i])
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func (f figures) rate() float64 { return f.median(func(one figure) float64 { return one.rate }) }

func (f figures) percentile(share float64) time.Duration {
	return time.Duration(f.median(func(one figure) float64 { return float64(one.took.percentile(share)) }))
}

// perThousand returns seconds of processor time for a thousand of what was done.
func (f figures) perThousand(of func(figure) time.Duration) float64 {
	return f.median(func(one figure) float64 { return 1000 * of(one).Seconds() / float64(max(one.done, 1)) })
}

// memory is the peak of all rounds.
func (f figures) memory() (most int64) {
	for _, one := range f {
		most = max(most, one.memory)
	}
	return most
}

// ratioTo returns the median of the ratios of the rates of each round: what the machine did then met both.
func (f figures) ratioTo(other figures) float64 {
	ratios := make(figures, min(len(f), len(other)))
	for i := range ratios {
		ratios[i].rate = f[i].rate / other[i].rate
	}
	return ratios.rate()
}

// contestant is something that is measured in turn with others.
type contestant struct {
	name string
	run  func(ctx context.Context) (figure, error)
}

// inTurn measures the contestants one after another, for so many rounds: whatever else the machine does then meets all
// of them alike.
func inTurn(ctx context.Context, rounds int, contestants ...contestant) ([]figures, error) {
	found := make([]figures, len(contestants))
	for round := range rounds {
		for i, c := range contestants {
			one, err := c.run(ctx)
			if err != nil {
				return nil, err
			}
			progress("round %d of %d: %s: %.0f/s", round+1, rounds, c.name, one.rate)
			found[i] = append(found[i], one)
		}
	}
	return found, nil
}
