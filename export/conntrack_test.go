package export

import (
	"bytes"
	"io"
	"testing"
	"time"

	"natlens/export/conntrack"
	"natlens/monitor"
	"natlens/monitor/golden"
)

// The golden files show what no kernel at hand sends: offload, security
// contexts, reply zones, hostile text. TestConntrackRecorded has the rest.
func TestConntrack(t *testing.T) {
	for name, modifiers := range map[string]string{
		"events.conntrack":      "id,timestamp,ktimestamp,extended,labels",
		"events.conntrack.xml":  "xml,id,timestamp,ktimestamp,labels",
		"events.conntrack.save": "save",
	} {
		var notes bytes.Buffer
		m, err := conntrack.ParseModifiers(modifiers)
		if err != nil {
			t.Fatal(err)
		}
		var o Options
		o.LabelFile, o.Location, o.Notes = "testdata/conntrack/connlabel.conf", time.UTC, &notes
		o.Now = func() time.Time { return time.Unix(9, 5e3) }
		o.ProgName = func(portid uint32) string { return "evil\x1b\nname" }
		got := render(t, func(out *bytes.Buffer) monitor.Sink { return conntrack.NewWriter(out, m, o) }, events()...)
		golden.File(t, name, RecordedTags(got))
		t.Run(name, func(t *testing.T) { golden.Words(t, "", &notes) })
	}
}

func TestConntrackLabelsWithoutNames(t *testing.T) {
	var out, notes bytes.Buffer
	sink := conntrack.NewWriter(&out, conntrack.Modifiers{Labels: true}, Options{LabelFile: "testdata/none.conf", Notes: &notes})
	golden.Words(t, "", &notes)
	if err := sink.Write(batch(rareEvents()[0])); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte("labels")) {
		t.Errorf("labels are shown: %s", &out)
	}
}

func TestConntrackXMLWithoutEvents(t *testing.T) {
	out := render(t, func(out *bytes.Buffer) monitor.Sink {
		return conntrack.NewWriter(out, conntrack.Modifiers{XML: true}, Options{})
	}, gapEvents()...)
	if len(out) != 0 {
		t.Errorf("got %q, want nothing: conntrack writes no header without an event", out)
	}
}

// Lines are written without allocations. XML and command lines are for few events.
func TestConntrackAllocates(t *testing.T) {
	m, err := conntrack.ParseModifiers("id,timestamp,ktimestamp,extended,labels")
	if err != nil {
		t.Fatal(err)
	}
	sink := conntrack.NewWriter(io.Discard, m, Options{LabelFile: "testdata/conntrack/connlabel.conf"})
	all := events()
	b := batch(all[:len(all)-len(gapEvents())]...)
	if n := testing.AllocsPerRun(100, func() { _ = sink.Write(b) }); n != 0 {
		t.Errorf("%v allocations a batch, want 0", n)
	}
}

func BenchmarkConntrack(b *testing.B) {
	tcp := tcpEvents()
	b.Run("new", func(b *testing.B) {
		benchmarkSink(b, conntrack.NewWriter(io.Discard, conntrack.Modifiers{}, Options{}), tcp[0])
	})
	b.Run("udp", func(b *testing.B) {
		benchmarkSink(b, conntrack.NewWriter(io.Discard, conntrack.Modifiers{}, Options{}), datagramEvents()[0])
	})
	b.Run("modifiers", func(b *testing.B) {
		benchmarkSink(b, conntrack.NewWriter(io.Discard, conntrack.Modifiers{ID: true, Timestamp: true, KTimestamp: true, Extended: true}, Options{}), tcp[3])
	})
	b.Run("xml", func(b *testing.B) {
		benchmarkSink(b, conntrack.NewWriter(io.Discard, conntrack.Modifiers{XML: true}, Options{}), tcp[0])
	})
}
