package main

import (
	"math"
	"math/bits"
	"time"
)

// histogram counts times in microseconds. Up to 127 each has a bucket of its own; from there on every power of two has
// 64, so that what is read from it is off by less than two hundredths.
type histogram []uint32

const histogramSize = 64*34 + 128 // to beyond a day

func newHistogram() histogram { return make(histogram, histogramSize) }

func (h histogram) add(t time.Duration) { h[bucketOf(t)]++ }

func (h histogram) merge(other histogram) {
	for i, count := range other {
		h[i] += count
	}
}

func (h histogram) count() (total int64) {
	for _, count := range h {
		total += int64(count)
	}
	return total
}

// percentile returns the time that a share of the times (0 < share <= 1) do not exceed, and nothing of none.
func (h histogram) percentile(share float64) time.Duration {
	rank := int64(math.Ceil(share * float64(h.count())))
	for i, count := range h {
		if rank -= int64(count); rank <= 0 && count > 0 {
			return mostIn(i)
		}
	}
	return 0
}

func bucketOf(t time.Duration) int {
	microseconds := uint64(max(t, 0) / time.Microsecond)
	if microseconds < 128 {
		return int(microseconds)
	}
	shift := bits.Len64(microseconds) - 7
	return min(64*shift+int(microseconds>>shift), histogramSize-1) // #nosec G115 -- seven bits are left
}

// mostIn is the longest time of a bucket.
func mostIn(bucket int) time.Duration {
	if bucket < 128 {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := bucket/64 - 1
	return time.Duration((bucket-64*shift+1)<<shift-1) * time.Microsecond
}
