//go:build linux

package main

import (
	"fmt"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/human"
	"natlens/monitor/netns"
	"natlens/monitor/table"
)

// namespaces returns where network namespaces get their numbers, nil if one is
// looked into.
func (c *captureConfig) namespaces() *monitor.Namespaces {
	if !c.every() {
		return nil
	}
	return new(monitor.Namespaces)
}

// everyNeeds refuses, with --netns all, what is of one namespace: settings,
// counters and port ids of one are behind it.
func (c *watchConfig) everyNeeds() error {
	if !c.capture.every() {
		return nil
	}
	for _, f := range []struct {
		given bool
		name  string
	}{
		{c.findings.on, "--findings"}, {c.metrics.address != "", "--metrics"},
	} {
		if f.given {
			return usagef("%s is of one network namespace: not together with --netns all", f.name)
		}
	}
	return c.output.everyNeeds()
}

// everyNeeds refuses the formats that have no place for a namespace: where
// messages, or commands, would be of none.
func (c *outputConfig) everyNeeds() error {
	if c.format == "pcapng" || saves(c.format) {
		return usagef("-o %s is of one network namespace: not together with --netns all", c.format)
	}
	return nil
}

// capture begins to capture. It tells the table the addresses of each namespace,
// where there are several.
func (s *stream) capture(cfg capture.Config, table *table.Table) (capture.Capture, error) {
	if s.namespaces == nil {
		return capture.Open(cfg)
	}
	every, err := capture.OpenEvery(capture.EveryConfig{
		Config: cfg, Names: s.namespaces, Locals: table.SetLocalsOf,
		Refused: func(_ string, err error) { s.note("%s", oneLine(err)) },
	})
	if err != nil {
		return nil, err // not every, which is no nil as a Capture
	}
	if n := every.Unseen(); n > 0 {
		s.note("%s", unseenText(n))
	}
	return every, nil
}

// unseenText says what is not looked into for want of privilege.
func unseenText(n int) string {
	return fmt.Sprintf("processes of others that can't be looked into: %s; network namespaces that only they live in are left out", human.Count(uint64(n)))
}

// namespaceNames are the names of the network namespaces that there are, as far as
// they can be seen.
func namespaceNames() (names []string) {
	var f netns.Finder
	if f.Scan() != nil {
		return nil
	}
	for _, n := range f.Found() {
		names = append(names, n.Name)
	}
	return names
}
