//go:build linux

package main

import (
	"testing"

	"natlens/monitor"
)

// TestResyncOfStream expects the table of who is told of the flows that are there to
// be looked through now and then, for some of them end without an event; and nothing
// to be read where --resync is off.
func TestResyncOfStream(t *testing.T) {
	for _, c := range []struct {
		remembers, existing bool
		want                monitor.Resync
	}{
		{false, false, monitor.Resync{}},
		{false, true, monitor.Resync{}},
		{true, false, monitor.Resync{AfterLoss: true}},
		{true, true, monitor.Resync{AfterLoss: true, Every: silentEvery}},
	} {
		s := &stream{remembers: c.remembers, existing: c.existing}
		if got := s.resync(); got != c.want {
			t.Errorf("remembers %t, existing %t: %+v, want %+v", c.remembers, c.existing, got, c.want)
		}
	}
}
