package ui

import (
	"slices"

	"natlens/monitor/config"
	"natlens/tui/keys"
	"natlens/tui/paint"
)

// Tables are the tables of the configuration files that only the user interface reads.
var Tables = []string{"colours", "keys"}

// CheckConfig rejects wrong settings of Tables.
func CheckConfig(cfg *config.Config) error {
	_, err := readConfig(cfg)
	return err
}

// configured is what the configuration files say about the user interface.
type configured struct {
	keys    *keys.Bindings
	colours paint.Colours
}

// readConfig reads Tables.
func readConfig(cfg *config.Config) (c configured, err error) {
	if cfg == nil {
		cfg = new(config.Config)
	}
	if c.keys, err = Keys(cfg); err != nil {
		return c, err
	}
	c.colours = make(paint.Colours)
	for _, s := range cfg.In("colours") {
		name := s.Path[1]
		if !slices.Contains(paint.RoleNames(), name) {
			return c, s.Unknown(paint.RoleNames()...)
		}
		text, err := s.Text()
		if err == nil {
			if c.colours[name], err = paint.ParseColour(text); err != nil {
				err = s.Errorf("%w", err)
			}
		}
		if err != nil {
			return c, err
		}
	}
	for _, s := range cfg.Settings { // a subtable
		if slices.Contains(Tables, s.Path[0]) && len(s.Path) > 2 {
			return c, s.Errorf("%s has no tables", s.Path[0])
		}
	}
	return c, nil
}

// Keys returns the keys of the user interface.
func Keys(cfg *config.Config) (*keys.Bindings, error) {
	b, set := keys.Default(), cfg.In("keys")
	for _, s := range set {
		if !slices.Contains(keys.ActionNames(), s.Path[1]) {
			return nil, s.Unknown(keys.ActionNames()...)
		}
		texts, err := s.Texts()
		if err == nil {
			if err = b.Set(s.Path[1], texts); err != nil {
				err = s.Errorf("%w", err)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	for _, s := range set {
		if key, other, ok := b.Clash(s.Path[1]); ok {
			return nil, s.Errorf("%s is also a key of %s", key, other)
		}
	}
	return b, nil
}
