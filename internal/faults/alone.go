package main

import (
	"context"
	"time"
)

// proof is what a stand-alone run has shown.
type proof struct {
	name string
	says string
	took time.Duration
}

func everyName() (names []string) {
	for _, f := range all() {
		names = append(names, f.name)
	}
	return names
}


func (p *report) standAlone(ctx context.Context) error { return nil }

