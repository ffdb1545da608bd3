package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"
)

// warmUp is how many rounds go by before times are kept: connections open, statements are prepared, and
// what is read often comes into memory.
const warmUp = 50

// action is something whose time is taken.
type action func(ctx context.Context) error

// inTurn performs the actions one after another, for so many rounds, and returns the times of each. What is
// going to be compared belongs into one call: whatever else the machine does then meets all of it alike.
func inTurn(ctx context.Context, rounds int, actions ...action) ([]times, error) {
	taken := make([]times, len(actions))
	for round := range warmUp + rounds {
		for i, perform := range actions {
			began := time.Now()
			if err := perform(ctx); err != nil {
				return nil, err
			}
			if round >= warmUp {
				taken[i] = append(taken[i], time.Since(began))
			}
		}
	}
	return taken, nil
}

// times are how long the same thing took, each time.
type times []time.Duration

// percentile returns the time that a share of the times (0 < share <= 1) do not exceed.
func (t times) percentile(share float64) time.Duration { return percentile(t, share) }

func (t times) median() time.Duration { return t.percentile(0.5) }

func percentile[T cmp.Ordered](values []T, share float64) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Ceil(share*float64(len(sorted))))-1]
}

func median(values []float64) float64 { return percentile(values, 0.5) }
