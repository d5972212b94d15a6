package filter

import (
	"slices"
	"testing"

	"natlens/monitor"
)

// For every field: the filter of a value, written as text, selects the flows that have the value and no other.
func TestValuesOfFieldsSelectTheirFlows(t *testing.T) {
	names := new(monitor.Namespaces)
	id, _ := names.Add(monitor.Namespace{Name: "blue", Gateway: "fra1-a,site=fra1"})
	env := Env{Namespaces: names, Places: samplePlaces}
	events := make([]monitor.Event, 0, len(samples)+2)
	for _, s := range samples {
		events = append(events, s.Event)
	}
	inside := events[4]
	inside.SetNetNS(id)
	bare := monitor.Event{Kind: monitor.KindExisting, Has: monitor.AttrOrig,
		Flow: monitor.Flow{Orig: events[0].Flow.Orig}} // a message without a reply tuple
	events = append(events, inside, bare)
	for _, f := range fieldOrder {
		read, found := f.Reader(env), 0
		for i := range events {
			for _, v := range read(&events[i], nil) {
				found++
				e, err := env.Parse(f.Is(v.Value).String())
				if err != nil {
					t.Fatalf("%s %s: %v", f, f.Text(v.Value), err)
				}
				keep := Compile(e, env)
				for j := range events {
					has := slices.ContainsFunc(read(&events[j], nil), func(o Owned) bool { return o.Value == v.Value })
					if f == FieldAge && events[j].Kind != events[i].Kind {
						continue // an exact age is written in whole units
					}
					if keep(&events[j]) != has {
						t.Errorf("%s selects event %d: %v, which has the value: %v", e, j, !has, has)
					}
				}
			}
		}
		if found == 0 && f.String() != "role" && f.String() != "secmark" {
			t.Errorf("no event has a value of %s", f)
		}
	}
}

// The values of one flow, as text, and which of them send the replies.
func TestValuesOfAFlow(t *testing.T) {
	var out []string
	for _, word := range []string{"host", "port", "dport", "nat.src", "nat.dst", "proto", "state", "status", "nat", "mark",
		"zone", "label", "bytes", "master", "process", "timeout"} {
		f, err := FieldByName(word)
		if err != nil {
			t.Fatal(err)
		}
		text := word
		for _, v := range f.Reader(Env{})(&samples[2].Event, nil) {
			if text += " " + f.Text(v.Value); v.Reply {
				text += " (reply)"
			}
		}
		out = append(out, text)
	}
	want := []string{"host 192.168.77.2 203.0.113.9 (reply)", "port 443", "dport 443", "nat.src 203.0.113.1", "nat.dst",
		"proto tcp", "state time_wait",
		"status seen_reply,assured,confirmed,src_nat,src_nat_done,dst_nat_done,dying", "nat snat", "mark 0x110",
		"zone 0", "label 5 15 127", "bytes 2080k", "master", "process", "timeout"}
	if !slices.Equal(out, want) {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	if _, err := FieldByName("hosst"); err == nil || err.Error() !=
		`"hosst" is not a field of the filter language; did you mean host?` {
		t.Errorf("hosst: %v", err)
	}
}

// A flow whose ends have the same value has it once.
func TestValueOfBothEnds(t *testing.T) {
	env := Env{Places: func(monitor.Addr) *monitor.Place { return &monitor.Place{Country: "DE"} }}
	for _, f := range []Field{FieldCountry, FieldHost} {
		e := samples[8].Event // from 127.0.0.1 to 127.0.0.1
		if got := f.Reader(env)(&e, make([]Owned, 1)); len(got) != 2 || got[1].Reply {
			t.Errorf("%s: %v", f, got)
		}
	}
}
