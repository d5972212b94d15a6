//go:build linux

package main

import (
	"testing"

	"natlens/monitor/loop"
)

// TestResyncOfStream expects the table of who is told of the flows that are there to
// be looked through now and then, for some of them end without an event; and nothing
// to be read where --resync is off.
func TestResyncOfStream(t *testing.T) {
	for _, c := range []struct {
		remembers, existing bool
		want                loop.Resync
	}{
		{false, false, loop.Resync{}},
		{false, true, loop.Resync{}},
		{true, false, loop.Resync{AfterLoss: true}},
		{true, true, loop.Resync{AfterLoss: true, Every: silentEvery}},
	} {
		s := &stream{remembers: c.remembers, existing: c.existing}
		if got := s.resync(); got != c.want {
			t.Errorf("remembers %t, existing %t: %+v, want %+v", c.remembers, c.existing, got, c.want)
		}
	}
}
