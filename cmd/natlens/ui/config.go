//go:build !noui

package ui

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"natlens/monitor/config"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
	"natlens/monitor/human"
	"natlens/tui"
	"natlens/tui/flows"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// CheckConfig rejects wrong settings of Tables.
func CheckConfig(cfg *config.Config) error {
	_, err := readConfig(cfg)
	return err
}

// configured is what the configuration files say about the user interface.
type configured struct {
	keys    *keys.Bindings
	colours paint.Colours
	columns []flows.Choice
	views   []page.View

	viewFiles []string // of views
}

// readConfig reads Tables.
func readConfig(cfg *config.Config) (c configured, err error) {
	if cfg == nil {
		cfg = new(config.Config)
	}
	c.keys, c.colours = keys.Default(), make(paint.Colours)
	err = cmp.Or(
		each(cfg, "keys", keys.ActionNames(), c.keys.Set),
		each(cfg, "colours", paint.RoleNames(), func(name string, texts []string) (err error) {
			c.colours[name], err = paint.ParseColour(strings.Join(texts, " "))
			return err
		}),
		each(cfg, "columns", []string{"flows"}, func(_ string, texts []string) (err error) {
			c.columns, err = flows.ParseColumns(texts)
			return err
		}))
	if err != nil {
		return c, err
	}
	for _, s := range cfg.In("keys") {
		if key, other, ok := c.keys.Clash(s.Path[1]); ok {
			return c, s.Errorf("%s is also a key of %s", key, other)
		}
	}
	for _, s := range cfg.Settings {
		switch depth := len(s.Path); {
		case !slices.Contains(Tables, s.Path[0]):
		case s.Path[0] != "views" && depth > 2, depth > 3:
			return c, s.Errorf("%s has no such table", s.Path[0])
		case s.Path[0] == "views" && s.Value != nil:
			if err := c.addView(&s); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// each calls set with the settings of a table, whose names must be accepted.
func each(cfg *config.Config, table string, accepted []string, set func(name string, texts []string) error) error {
	for _, s := range cfg.In(table) {
		if !slices.Contains(accepted, s.Path[1]) {
			return s.Unknown(accepted...)
		}
		texts, err := s.Texts()
		if err == nil {
			if err = set(s.Path[1], texts); err != nil {
				err = s.Errorf("%w", err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addView adds a key of a view.
func (c *configured) addView(s *config.Setting) error {
	if len(s.Path) < 3 {
		return s.Errorf("a view is a table: write [views.%s]", s.Path[1])
	}
	at := slices.IndexFunc(c.views, func(v page.View) bool { return v.Name == s.Path[1] })
	if at < 0 {
		at = len(c.views)
		c.views, c.viewFiles = append(c.views, page.View{}), append(c.viewFiles, "")
	}
	if c.viewFiles[at] != s.File { // the user's view replaces that of the system
		c.views[at], c.viewFiles[at] = page.View{Name: s.Path[1], Page: tui.PageNames[0]}, s.File
	}
	texts, err := s.Texts()
	if s.Path[2] != "columns" && err == nil {
		_, err = s.Text()
	}
	if err != nil {
		return err
	}
	v := &c.views[at]
	switch key := s.Path[2]; key {
	case "columns":
		v.Columns = texts
		_, err = flows.ParseColumns(texts)
	case "page":
		v.Page = texts[0]
		if !slices.Contains(tui.PageNames, v.Page) {
			err = human.UnknownWord("page", v.Page, tui.PageNames)
		}
	case "filter":
		v.Filter = texts[0]
		_, err = filter.Env{}.Parse(v.Filter)
	case "by":
		v.By = texts[0]
		_, err = groups.Parse(v.By)
	case "sort":
		v.Sort = texts[0]
	default:
		return s.Unknown("page", "filter", "by", "sort", "columns")
	}
	if err != nil {
		return s.Errorf("%w", err)
	}
	return nil
}

// saver saves views and columns.
type saver struct {
	cfg *config.Config
	mu  sync.Mutex
}

// SaveView replaces a view, or removes it.
func (s *saver) SaveView(v page.View) error {
	all := map[string]any{"page": v.Page, "filter": v.Filter, "by": v.By, "sort": v.Sort, "columns": v.Columns}
	maps.DeleteFunc(all, func(_ string, value any) bool {
		return v.Page == "" || reflect.ValueOf(value).Len() == 0
	})
	return s.save(all, "views", v.Name)
}

// SaveColumns replaces the columns of Flows; nil: the usual ones.
func (s *saver) SaveColumns(columns []string) error {
	if columns == nil {
		return s.save(nil, "columns")
	}
	return s.save(map[string]any{"flows": columns}, "columns")
}

func (s *saver) save(keys map[string]any, table ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Save(keys, table...)
}

// EachKey calls f for each action, with its default keys.
func EachKey(f func(action string, keys []string)) {
	for _, name := range keys.ActionNames() {
		f(name, keys.Default().Keys(name))
	}
}
