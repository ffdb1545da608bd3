package main

import (
	"testing"
	"time"
)

func TestTimes_Percentile(t *testing.T) {
	oneToTwenty := make(times, 20)
	for i := range oneToTwenty {
		oneToTwenty[i] = time.Duration(20 - i) // slowest first: the order they came in is not their rank
	}
	for _, test := range []struct {
		times times
		share float64
		want  time.Duration
	}{
		{times{7}, 0.5, 7},
		{times{7}, 0.95, 7},
		{oneToTwenty, 0.5, 10},
		{oneToTwenty, 0.95, 19},
		{oneToTwenty, 0.951, 20},
		{oneToTwenty, 1, 20},
	} {
		if got := test.times.percentile(test.share); got != test.want {
			t.Errorf("%v of %v is %d, want %d", test.share, test.times, got, test.want)
		}
	}
}
