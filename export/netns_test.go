package export

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"natlens/export/conntrack"
	"natlens/export/csv"
	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// netNSEvents are those of two network namespaces, one of which comes and goes.
func netNSEvents(t *testing.T) (*monitor.Namespaces, []monitor.Event) {
	t.Helper()
	names := new(monitor.Namespaces)
	names.Add(monitor.Namespace{Name: "host", Inode: 1})
	blue, _ := names.Add(monitor.Namespace{Name: `blue"\`, Inode: 4026532281})
	const at = monitor.Time(1763791921_000000000)
	flow := monitor.Flow{Orig: monitor.Tuple{
		Src: monitor.AddrFrom4([4]byte{10, 0, 0, 2}), Dst: monitor.AddrFrom4([4]byte{192, 0, 2, 1}),
		SrcPort: 40000, DstPort: 53, Proto: monitor.UDP, Family: monitor.IPv4,
	}}
	flow.Reply = flow.Orig
	flow.Reply.Src, flow.Reply.Dst, flow.Reply.SrcPort, flow.Reply.DstPort = flow.Orig.Dst, flow.Orig.Src, 53, 40000
	events := []monitor.Event{
		{Kind: monitor.KindNetNSBegin},
		{Kind: monitor.KindNew, Has: monitor.AttrOrig | monitor.AttrReply, Flow: flow},
		{Kind: monitor.KindLost, Gap: &monitor.Gap{Count: 3}},
		{Kind: monitor.KindNetNSEnd},
		{Kind: monitor.KindDestroy, Remembered: monitor.AttrOrig | monitor.AttrReply, Inferred: true, Reason: monitor.ReasonNetNSEnd, Flow: flow},
	}
	for i := range events {
		events[i].Seq, events[i].Time, events[i].TimeSource = uint64(i+1), at, monitor.TimeRing
		events[i].SetNetNS(blue)
	}
	return names, events
}

// Every format names the namespace of its lines.
func TestNetNS(t *testing.T) {
	names, events := netNSEvents(t)
	for _, c := range []struct{ format, want string }{
		{"jsonl", `{"v":1,"ts":"2025-11-22T06:12:01.000000000Z","seq":1,"event":"netns_begin","netns":"blue\"\\","inode":4026532281}
{"v":1,"ts":"2025-11-22T06:12:01.000000000Z","ts_source":"ring","seq":2,"event":"new","family":"ipv4","proto":"udp","protonum":17,"orig":{"src":"10.0.0.2","sport":40000,"dst":"192.0.2.1","dport":53},"reply":{"src":"192.0.2.1","sport":53,"dst":"10.0.0.2","dport":40000},"nat":{"kind":"none"},"netns":"blue\"\\"}
{"v":1,"ts":"2025-11-22T06:12:01.000000000Z","seq":3,"event":"lost","count":3,"netns":"blue\"\\"}
{"v":1,"ts":"2025-11-22T06:12:01.000000000Z","seq":4,"event":"netns_end","netns":"blue\"\\","inode":4026532281}
{"v":1,"ts":"2025-11-22T06:12:01.000000000Z","ts_source":"ring","seq":5,"event":"destroy","inferred":true,"family":"ipv4","proto":"udp","protonum":17,"orig":{"src":"10.0.0.2","sport":40000,"dst":"192.0.2.1","dport":53},"reply":{"src":"192.0.2.1","sport":53,"dst":"10.0.0.2","dport":40000},"nat":{"kind":"none"},"remembered":["orig","reply"],"netns":"blue\"\\","reason":"netns_end"}
`},
		{"csv", csv.Header + `
2025-11-22T06:12:01.000000000Z,ring,1,netns_begin,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"blue""\\",
2025-11-22T06:12:01.000000000Z,ring,2,new,,,,ipv4,udp,17,,,10.0.0.2,40000,192.0.2.1,53,192.0.2.1,53,10.0.0.2,40000,,,none,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"blue""\\",
2025-11-22T06:12:01.000000000Z,ring,3,lost,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,3,,,,,,,,"blue""\\",
2025-11-22T06:12:01.000000000Z,ring,4,netns_end,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"blue""\\",
2025-11-22T06:12:01.000000000Z,ring,5,destroy,true,,,ipv4,udp,17,,,10.0.0.2,40000,192.0.2.1,53,192.0.2.1,53,10.0.0.2,40000,,,none,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,orig reply,"blue""\\",netns_end
`},
		{"pretty", `06:12:01.000  blue"\\  ── network namespace found ──
06:12:01.000  blue"\\  new      udp               10.0.0.2:40000 → 192.0.2.1:53
06:12:01.000  blue"\\  ── 3 events lost ──
06:12:01.000  blue"\\  ── network namespace gone ──
06:12:01.000  blue"\\  destroy  udp               10.0.0.2:40000 → 192.0.2.1:53   inferred
`},
		{"conntrack", `note: network namespace found: blue"\\
    [NEW] udp      17 src=10.0.0.2 dst=192.0.2.1 sport=40000 dport=53 src=192.0.2.1 dst=10.0.0.2 sport=53 dport=40000 netns=blue"\\
note: blue"\\: 3 events lost
note: network namespace gone: blue"\\
[DESTROY] udp      17 src=10.0.0.2 dst=192.0.2.1 sport=40000 dport=53 src=192.0.2.1 dst=10.0.0.2 sport=53 dport=40000 netns=blue"\\
`},
	} {
		t.Run(c.format, func(t *testing.T) {
			var out bytes.Buffer
			sink, err := New(c.format, &out, Options{Location: time.UTC, Namespaces: names, Notes: noteWriter{&out}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range events { // one by one: a line and a note keep their order
				if err := sink.Write(batch(events[i])); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// noteWriter marks notes.
type noteWriter struct{ out *bytes.Buffer }

func (w noteWriter) Write(p []byte) (int, error) { return w.out.WriteString("note: " + string(p)) }

// The lines of namespaces are what the schema says.
func TestNetNSSchema(t *testing.T) {
	names, events := netNSEvents(t)
	var out bytes.Buffer
	sink := jsonl.NewWriter(&out)
	sink.Namespaces = names
	if err := sink.Write(batch(events...)); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile("../docs/event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s%v", line, err)
		}
	}
}

// A log of several gateways is read and written again without a change, as the schema says, and every format names the
// gateways.
func TestGateways(t *testing.T) {
	var log bytes.Buffer
	for _, gateway := range []monitor.Gateway{"a", "b,rack=7,site=fra1"} {
		for _, several := range []bool{true, false} {
			names, events := netNSEvents(t)
			sink := jsonl.NewWriter(&log)
			if sink.Gateway, sink.Namespaces = gateway, names; !several {
				sink.Namespaces, events = nil, events[1:3]
			}
			if err := sink.Write(batch(events...)); err != nil {
				t.Fatal(err)
			}
			if err := sink.Finding(&monitor.Finding{Rule: "x", Subject: "y", Text: "z", Seen: 1,
				Figures: []monitor.Figure{{Name: "flows"}, {Name: "limit"}}, NetNS: events[0].NetNS()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	schema, err := jsonschema.NewCompiler().Compile("../docs/event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	read, withoutFindings := new(monitor.Namespaces), ""
	var again, csvText bytes.Buffer
	lines, cells := jsonl.NewWriter(&again), csv.NewWriter(&csvText)
	lines.Namespaces, lines.Gateway, cells.Namespaces = read, "other", read
	for line := range strings.Lines(log.String()) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s%v", line, err)
		}
		if !strings.Contains(line, `"finding"`) {
			withoutFindings += line
		}
	}
	rec := replay.Stream(Reading(replay.Config{Namespaces: read}), "log", strings.NewReader(log.String()))
	src, err := rec.Open()
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range monitor.Batches(t.Context(), src) {
		if err = errors.Join(err, lines.Write(b), cells.Write(b)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(withoutFindings, again.String()); diff != "" {
		t.Error(diff)
	}
	var named []string
	for line := range strings.Lines(csvText.String()) {
		row := strings.Split(line, ",")
		named = append(named, row[len(row)-2])
	}
	const blue = `"a/blue""\\"`
	if want := []string{"netns", blue, blue, blue, blue, blue, "a", "a"}; !slices.Equal(named[:8], want) {
		t.Errorf("named %q", named)
	}
}

// A namespace's name that has blanks is one word of a line, and makes no others.
func TestNetNSWord(t *testing.T) {
	names := new(monitor.Namespaces)
	id, _ := names.Add(monitor.Namespace{Name: "a b mark=5"})
	_, events := netNSEvents(t)
	e := events[1]
	e.SetNetNS(id)
	got := render(t, func(out *bytes.Buffer) monitor.Sink {
		return conntrack.NewWriter(out, conntrack.Modifiers{}, Options{Namespaces: names})
	}, e)
	const want = `    [NEW] udp      17 src=10.0.0.2 dst=192.0.2.1 sport=40000 dport=53 src=192.0.2.1 dst=10.0.0.2 sport=53 dport=40000 netns=a\x20b\x20mark=5` + "\n"
	if string(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
}
