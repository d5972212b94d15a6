package doctor

import (
	"slices"
	"testing"
)

// Of several namespaces the worst one's check counts, and names those that are as bad. Of good ones the fullest counts.
func TestMerge(t *testing.T) {
	named := func(name string, level Level) Named {
		return Named{Name: name, Snapshot: new(Snapshot), Checks: []Check{{ID: "x", Level: level, Text: "in " + name, Command: "fix " + name}}}
	}
	fuller := func(n Named) Named {
		n.Snapshot.Fill.End = 10
		return n
	}
	for _, c := range []struct {
		all           []Named
		level         Level
		text, command string
		in            []string
	}{
		{[]Named{named("", Fail)}, Fail, "in ", "fix ", nil},
		{[]Named{named("a", OK), named("b", Skip)}, OK, "in a", "fix a", []string{"a"}},
		{[]Named{named("a", OK), fuller(named("b", OK)), named("c", OK)}, OK, "b: in b", "fix b", []string{"a", "b", "c"}},
		{[]Named{named("a", Skip), named("b", OK)}, OK, "in b", "fix b", []string{"b"}},
		{[]Named{named("a", Warn), named("b", OK)}, Warn, "a: in a", "fix a", []string{"a"}},
		{[]Named{named("a", Warn), named("b", Fail), named("c", Fail)}, Fail, "b, c: in b", "fix b", []string{"b", "c"}},
		{
			[]Named{named("a", Fail), named("b", Fail), named("c", Fail), named("d", Fail), named("e", Fail)},
			Fail, "a, b, c and 2 more: in a", "fix a", []string{"a", "b", "c", "d", "e"},
		},
	} {
		got := Merge(c.all)
		if len(got) != 1 || got[0].Level != c.level || got[0].Text != c.text || got[0].Command != c.command || !slices.Equal(got[0].In, c.in) {
			t.Errorf("got %+v, want %+v", got, c)
		}
	}
}
