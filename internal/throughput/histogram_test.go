package main

import (
	"testing"
	"time"
)

func TestHistogram_Percentile(t *testing.T) {
	h := newHistogram()
	if got := h.percentile(0.99); got != 0 {
		t.Errorf("of none: %v", got)
	}
	for i := range 100 {
		h.add(time.Duration(100-i) * time.Millisecond)
	}
	for share, want := range map[float64]time.Duration{0.5: 50 * time.Millisecond, 0.501: 51 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := h.percentile(share); got < want || float64(got) > 1.016*float64(want) {
			t.Errorf("%v is %v, want %v", share, got, want)
		}
	}
	other := newHistogram()
	other.add(7 * time.Microsecond)
	other.merge(h)
	if other.count() != 101 || other.percentile(0.001) != 7*time.Microsecond {
		t.Errorf("merged: %d, first %v", other.count(), other.percentile(0.001))
	}
}

func TestHistogram_BucketsFollowEachOther(t *testing.T) {
	for bucket := range histogramSize - 1 {
		most := mostIn(bucket)
		if bucketOf(most) != bucket || bucketOf(most+time.Microsecond) != bucket+1 {
			t.Fatalf("%v is the most of bucket %d, not of %d, and is followed by %d", most, bucket, bucketOf(most), bucketOf(most+time.Microsecond))
		}
	}
	if got := bucketOf(1 << 62); got != histogramSize-1 {
		t.Errorf("what is too long is in bucket %d", got)
	}
}
