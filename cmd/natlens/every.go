//go:build linux

package main

import (
	"natlens/cmd/natlens/cli"
	"natlens/monitor/capture"
	"natlens/monitor/table"
)

// EveryNeeds refuses, with --netns all, what is of one namespace: settings,
// counters and port ids of one are behind it.
func (c *watchConfig) EveryNeeds() error {
	if !c.capture.Every() {
		return nil
	}
	for _, f := range []struct {
		given bool
		name  string
	}{
		{c.findings.on, "--findings"}, {c.metrics.Address != "", "--metrics"},
	} {
		if f.given {
			return cli.Usagef("%s is of one network namespace: not together with --netns all", f.name)
		}
	}
	return c.output.EveryNeeds()
}

// capture begins to capture. It tells the table the addresses of each namespace,
// where there are several.
func (s *stream) capture(cfg capture.Config, table *table.Table) (capture.Capture, error) {
	if s.namespaces == nil {
		return capture.Open(cfg)
	}
	every, err := capture.OpenEvery(capture.EveryConfig{
		Config: cfg, Names: s.namespaces, Locals: table.SetLocalsOf,
		Refused: func(_ string, err error) { s.note("%s", cli.OneLine(err)) },
	})
	if err != nil {
		return nil, err // not every, which is no nil as a Capture
	}
	if n := every.Unseen(); n > 0 {
		s.note("%s", cli.UnseenText(n))
	}
	return every, nil
}
