package tui

import (
	"context"
	"time"

	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/tui/page"
	"natlens/tui/tail"
)

// withDefaults returns the configuration with what the UI can't do without.
func (cfg Config) withDefaults() Config {
	if cfg.Clock == nil {
		cfg.Clock = monitor.Now
	}
	if cfg.Location == nil {
		cfg.Location = time.Local
	}
	if cfg.Stats == nil {
		cfg.Stats = func() loop.Stats { return loop.Stats{} }
	}
	if cfg.Tail == nil {
		cfg.Tail = tail.New()
	}
	cfg.Env.Now = cfg.Clock
	return cfg
}

// newSession returns what the pages share.
func newSession(cfg *Config) *page.Session {
	s := &page.Session{Table: cfg.Table, Tail: cfg.Tail, Env: cfg.Env, Clock: cfg.Clock, Location: cfg.Location,
		Names: page.NewNames(cfg.Resolver, cfg.Services), Context: context.Background(), Replay: cfg.Player != nil}
	if cfg.Refresher != nil {
		s.Rates = new(page.Rates)
	}
	return s
}
