package translation

import (
	"testing"

	"natlens/monitor"
	"natlens/monitor/translation/translationtest"
)

// opened returns the translation of a flow that opened.
func opened(flow monitor.Flow) *Translation {
	var f feed
	f.Add(monitor.KindNew, at(0), 1, flow)
	var ch Changes
	NewTracker(TrackerConfig{All: true, Name: names}).Apply(f.Take(), &ch)
	return &ch.Opened[0]
}

func TestParseEnd(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.7":            "203.0.113.7",
		"203.0.113.7:32768":      "203.0.113.7:32768",
		"2001:db8::7":            "2001:db8::7",
		"[2001:db8::7]":          "2001:db8::7",
		"[2001:DB8:0::7]:443":    "[2001:db8::7]:443",
		"::ffff:203.0.113.7":     "203.0.113.7",
		"[::ffff:203.0.113.7]:1": "203.0.113.7:1",
		"203.0.113.7:0":          "203.0.113.7:0",
	} {
		e, ok := ParseEnd(text)
		if !ok || e.String() != want {
			t.Errorf("%s: %v %s, want %s", text, ok, e, want)
		}
	}
	for _, text := range []string{
		"", "host", "203.0.113.7:", "203.0.113.7:70000", "[203.0.113.7", "2001:db8::7]",
		"[fe80::1%eth0]:1", "fe80::1%eth0", "203.0.113.0/24",
	} {
		if e, ok := ParseEnd(text); ok {
			t.Errorf("%q is %v", text, e)
		}
	}
}

// TestMatch asks for a flow with both sides rewritten, and for its neighbours.
func TestMatch(t *testing.T) {
	both := opened(in(3, translationtest.Flow("10.0.0.6:1000", "203.0.113.1:8080", "10.0.0.1:2000", "10.0.0.9:80")))
	both.End = at(60)
	end := func(text string) End { e, _ := ParseEnd(text); return e }
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{}, "source"},
		{Query{Outside: end("10.0.0.1:2000")}, "source"},
		{Query{Outside: end("10.0.0.1")}, "source"},
		{Query{Outside: end("203.0.113.1:8080")}, "destination"},
		{Query{Outside: end("203.0.113.1:8081")}, ""},
		{Query{Outside: End{Port: 8080, HasPort: true}}, "destination"},
		{Query{Inside: end("10.0.0.6")}, "source"},
		{Query{Inside: end("10.0.0.9:80")}, "destination"},
		{Query{Inside: end("10.0.0.9"), Outside: end("10.0.0.1")}, ""},
		{Query{Inside: end("10.0.0.9"), Peer: end("10.0.0.6:1000")}, "destination"},
		{Query{Peer: end("203.0.113.1:8080")}, "source"},
		{Query{Proto: monitor.UDP}, ""},
		{Query{Namespace: "3"}, "source"},
		{Query{Namespace: "4"}, ""},
		{Query{Since: at(60)}, "source"},
		{Query{Since: at(61)}, ""},
		{Query{Until: at(0)}, "source"},
		{Query{Until: at(-1)}, ""},
	} {
		side, ok := c.q.Match(both)
		got := ""
		if ok {
			got = side.String()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
	both.End = 0
	if _, ok := (&Query{Since: at(9999)}).Match(both); !ok {
		t.Error("an open translation has no end")
	}
}

// TestMatchWithoutPorts expects a port in a query to select no protocol without
// ports.
func TestMatchWithoutPorts(t *testing.T) {
	flow := client(0)
	flow.Orig.Proto, flow.Reply.Proto = 50, 50
	flow.Orig.DstPort, flow.Reply.SrcPort = 0, 0
	esp := opened(flow)
	for text, want := range map[string]bool{"203.0.113.7": true, "203.0.113.7:0": false} {
		end, _ := ParseEnd(text)
		if _, ok := (&Query{Outside: end}).Match(esp); ok != want {
			t.Errorf("%s selects ESP: %v", text, ok)
		}
	}
}

// TestConcerns says which gaps can hide an answer.
func TestConcerns(t *testing.T) {
	q := Query{Since: at(10), Until: at(20), Namespace: "blue"}
	gaps := []Gap{
		{From: at(15), To: at(30)}, {From: at(5), To: at(10), Namespace: "blue"}, {From: at(12), To: at(13), Namespace: "red"},
		{From: at(0), To: at(9)}, {From: at(21), To: at(22)},
	}
	got := Overlapping(gaps, &q)
	if len(got) != 2 || got[0] != gaps[1] || got[1] != gaps[0] {
		t.Errorf("%+v", got)
	}
}

// TestJoinGaps joins what is beyond a number of gaps.
func TestJoinGaps(t *testing.T) {
	got := JoinGaps([]Gap{
		{From: at(0), To: at(1), Cause: Lost, Count: 1, Namespace: "red", Number: 4},
		{From: at(1), To: at(2), Cause: Lost, Count: 3, Namespace: "blue", Number: 5},
		{From: at(4), To: at(6), Cause: Lost, Count: 4, Namespace: "red", Number: 6},
	}, 2)
	want := []Gap{{From: at(0), To: at(1), Cause: Lost, Count: 1, Namespace: "red", Number: 4},
		{From: at(1), To: at(6), Cause: Lost, Count: 7, Number: 6}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
}
