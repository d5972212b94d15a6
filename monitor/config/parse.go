package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// parse returns the settings of a file in their order.
func parse(path string, data []byte) ([]Setting, error) {
	var values map[string]any
	if err := toml.Unmarshal(data, &values); err != nil {
		if e, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, _ := e.Position()
			return nil, fmt.Errorf("%s:%d: %s", path, line, strings.TrimPrefix(e.Error(), "toml: "))
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// The decoder has the values, the parser their lines.
	x := extractor{path: path, values: values}
	x.p.Reset(data)
	var table []string
	for x.p.NextExpression() {
		switch e := x.p.Expression(); e.Kind {
		case unstable.Table:
			names, at := x.names(e)
			table = names
			x.found = append(x.found, Setting{Path: names, File: path, Line: at.Line})
		case unstable.ArrayTable:
			names, at := x.names(e)
			s := Setting{Path: names, File: path, Line: at.Line}
			return nil, s.Errorf("write [%s] with single brackets: no table is a list", s.Name())
		case unstable.KeyValue:
			x.add(table, e)
		}
	}
	return x.found, x.p.Error()
}

// extractor collects the settings of a file.
type extractor struct {
	path   string
	p      unstable.Parser
	values map[string]any
	found  []Setting
}

// names returns the names of a key or heading, and the position of the last one.
func (x *extractor) names(n *unstable.Node) (names []string, at unstable.Position) {
	for it := n.Key(); it.Next(); {
		names = append(names, string(it.Node().Data))
		at = x.p.Shape(it.Node().Raw).Start
	}
	return names, at
}

// add adds a key with its value, or the keys of an inline table.
func (x *extractor) add(table []string, n *unstable.Node) {
	names, at := x.names(n)
	s := Setting{Path: slices.Concat(table, names), File: x.path, Line: at.Line}
	if n.Value().Kind == unstable.InlineTable {
		for it := n.Value().Children(); it.Next(); {
			x.add(s.Path, it.Node())
		}
		return
	}
	var value any = x.values
	for _, name := range s.Path {
		value = value.(map[string]any)[name]
	}
	s.Value = value
	x.found = append(x.found, s)
}

// Line returns a setting as a line of TOML, without the names of its tables.
func Line(name string, value any) string {
	line, err := toml.Marshal(map[string]any{name: value})
	if err != nil {
		panic("config: " + err.Error()) // texts, numbers and lists of them can be written
	}
	return string(bytes.TrimSuffix(line, []byte("\n")))
}

// Heading returns the line that begins a table.
func Heading(table ...string) string {
	quoted := make([]string, len(table))
	for i, name := range table {
		quoted[i] = strings.TrimSuffix(Line(name, 0), " = 0")
	}
	return "[" + strings.Join(quoted, ".") + "]"
}
