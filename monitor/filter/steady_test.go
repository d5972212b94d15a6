package filter

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/table"
)

// For every field: can the result for a flow that does not change
// change: with the time, the clock, and the names of namespaces.
func TestSteady(t *testing.T) {
	names := new(monitor.Namespaces)
	id, _ := names.Add(monitor.Namespace{Name: "before"})
	var clock monitor.Time
	local := func(*monitor.Flow) *monitor.Local {
		name := names.Name(id)
		return &monitor.Local{Process: name, User: name, Container: name, Pod: name}
	}
	env := Env{Namespaces: names, Now: func() monitor.Time { return clock }, Local: local}
	var unsteady []string
	for name := range fieldByName {
		for _, name := range []string{name, "msg." + name} {
			f, ok := fieldOf(name)
			if !ok {
				continue
			}
			steady := !slices.ContainsFunc(
				questions(f),
				func(e Expr) bool { return !unchanging(names, id, &clock, Compile(e, env)) },
			)
			if !steady {
				unsteady = append(unsteady, name)
			}
			for _, e := range questions(f) {
				for _, e := range []Expr{e, Not{e}, And{Const(true), e}, Or{Addr{FieldHost, Eq, nil}, Not{And{e, e}}}} {
					if Steady(e) != steady {
						t.Errorf("%s: steady %v", e, !steady)
					}
				}
			}
		}
	}
	slices.Sort(unsteady)
	if got := strings.Join(unsteady, " "); got != "age container netns pod process user" {
		t.Errorf("fields whose results change although the flow does not: %s", got)
	}
	if !Steady(Has{FieldAge}) || !Steady(Const(false)) {
		t.Error("what is known of a flow is steady")
	}
}

// questions asks for a field in a way that some samples answer otherwise than
// others, or one sample at one time otherwise than at another.
func questions(f Field) []Expr {
	switch f.info().kind {
	case kindFlag:
		if f&^Sent == FieldMaster {
			return []Expr{Has{f}}
		}
	case kindAddr:
		return []Expr{Addr{f, Eq, []netip.Prefix{netip.MustParsePrefix("192.168.77.0/24")}}}
	case kindText, kindName, kindPlace:
		return []Expr{Text{f, Eq, []string{"before", "ftp"}}, Text{f, Ne, []string{"ftp"}}}
	}
	var out []Expr
	for v := uint64(1); v != 0 && v <= f.info().max; v <<= 1 {
		out = append(out, Cmp{f, 0, Eq, []Range{{v, 2*v - 1}}})
	}
	if f.info().max == 0 {
		out = append(out, Cmp{f, natSource, Eq, []Range{{natSource, natSource}}})
	}
	return out
}

// unchanging reports whether the filter's answer to each sample, as the table shows
// it, stays what it is.
func unchanging(names *monitor.Namespaces, id monitor.NetNS, clock *monitor.Time, keep monitor.Filter) bool {
	for i := range samples {
		row := table.Row{
			Flow:  samples[i].Flow,
			Known: samples[i].Known(),
			Gen:   samples[i].Gen,
			First: samples[i].Time,
			State: table.RowNew,
		}
		row.Flow.Orig.NetNS = id
		answers := make(map[bool]bool)
		for turn, at := range []monitor.Time{noon, noon + sec, noon + 100*sec, noon + 10_000*sec, 0} {
			var e monitor.Event
			row.Event(7, samples[i].Extra, at, &e)
			*clock = at
			names.Rename(id, []string{"before", "behind"}[turn%2])
			answers[keep(&e)] = true
		}
		if len(answers) != 1 {
			return false
		}
	}
	return true
}
