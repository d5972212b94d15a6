package export

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"natlens/monitor"
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
		m, err := ParseModifiers(modifiers)
		if err != nil {
			t.Fatal(err)
		}
		o := ConntrackOptions{Modifiers: m}
		o.LabelFile, o.Location, o.Notes = "testdata/conntrack/connlabel.conf", time.UTC, &notes
		o.Now = func() time.Time { return time.Unix(9, 5e3) }
		o.ProgName = func(portid uint32) string { return "evil\x1b\nname" }
		golden(t, name, render(t, func(out *bytes.Buffer) monitor.Sink { return NewConntrack(out, o) }, events()...))
		want := "2,844 events lost between 06:11:59.755 and 06:12:01.122\n" +
			"table reconciled after the loss of 2,844 events: +37 ~4 −12\n" +
			"at least 1 event lost before 06:12:01.123\n"
		if notes.String() != want {
			t.Errorf("notes:\n%swant:\n%s", &notes, want)
		}
	}
}

func TestConntrackLabelsWithoutNames(t *testing.T) {
	var out, notes bytes.Buffer
	sink := NewConntrack(&out, ConntrackOptions{Modifiers: Modifiers{Labels: true}, LabelFile: "testdata/none.conf", Notes: &notes})
	if want := "labels are not shown: open testdata/none.conf: no such file or directory\n"; notes.String() != want {
		t.Errorf("note %q, want %q", &notes, want)
	}
	if err := sink.Write(batch(rareEvents()[0])); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte("labels")) {
		t.Errorf("labels are shown: %s", &out)
	}
}

func TestConntrackXMLWithoutEvents(t *testing.T) {
	out := render(t, func(out *bytes.Buffer) monitor.Sink {
		return NewConntrack(out, ConntrackOptions{Modifiers: Modifiers{XML: true}})
	}, gapEvents()...)
	if len(out) != 0 {
		t.Errorf("got %q, want nothing: conntrack writes no header without an event", out)
	}
}

func TestReadLabels(t *testing.T) {
	file := filepath.Join(t.TempDir(), "connlabel.conf")
	text := "# bit name\n0 eth0-in\r\n\n  0x1f\teth1 in \n010 octal\n3voip\n3 again\n4 voip\n5\n6 bad_name\n1024 large\n99999999999999999999 huge\nx y\n1023 last"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	labels, err := ReadLabels(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{0: "eth0-in", 31: "eth1 in", 8: "octal", 3: "voip", 1023: "last"}
	for bit := range 1100 {
		if labels.Name(bit) != want[bit] {
			t.Errorf("bit %d is %q, want %q", bit, labels.Name(bit), want[bit])
		}
	}
	if err := os.WriteFile(file, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLabels(file); err == nil || err.Error() != file+" names no label" {
		t.Errorf("an empty file gives %v", err)
	}
}

func TestParseModifiers(t *testing.T) {
	tests := []struct{ in, err string }{
		{"", ""},
		{"id,timestamp,ktimestamp,extended,labels,xml,userspace", ""},
		{"ID,ext,k", ""},
		{"id,", `unknown output modifier "": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`},
		{"timestmap", `unknown output modifier "timestmap": did you mean timestamp?`},
		{"json", `unknown output modifier "json": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`},
		{"save,userspace", ""},
		{"save,id", ErrSaveAlone.Error()},
	}
	for _, tt := range tests {
		_, err := ParseModifiers(tt.in)
		if got := errorText(err); got != tt.err {
			t.Errorf("%q: error %q, want %q", tt.in, got, tt.err)
		}
	}
	o, err := ParseModifiers("ID,ext,k")
	if err != nil || !o.ID || !o.Extended || !o.KTimestamp || o.Timestamp || o.XML || o.Labels {
		t.Errorf("ID,ext,k is %+v, %v", o, err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestConntrackAllocates(t *testing.T) {
	for _, modifiers := range []string{"id,timestamp,ktimestamp,extended,labels", "id,timestamp,ktimestamp,extended,labels,xml", "save"} {
		m, err := ParseModifiers(modifiers)
		if err != nil {
			t.Fatal(err)
		}
		sink := NewConntrack(io.Discard, ConntrackOptions{LabelFile: "testdata/conntrack/connlabel.conf", Modifiers: m})
		all := events()
		b := batch(all[:len(all)-len(gapEvents())]...)
		if n := testing.AllocsPerRun(100, func() { _ = sink.Write(b) }); n != 0 {
			t.Errorf("%s: %v allocations a batch, want 0", modifiers, n)
		}
	}
}

func BenchmarkConntrack(b *testing.B) {
	tcp := tcpEvents()
	b.Run("new", func(b *testing.B) { benchmarkSink(b, NewConntrack(io.Discard, ConntrackOptions{}), tcp[0]) })
	b.Run("udp", func(b *testing.B) {
		benchmarkSink(b, NewConntrack(io.Discard, ConntrackOptions{}), datagramEvents()[0])
	})
	b.Run("modifiers", func(b *testing.B) {
		benchmarkSink(b, NewConntrack(io.Discard, ConntrackOptions{Modifiers: Modifiers{ID: true, Timestamp: true, KTimestamp: true, Extended: true}}), tcp[3])
	})
	b.Run("xml", func(b *testing.B) {
		benchmarkSink(b, NewConntrack(io.Discard, ConntrackOptions{Modifiers: Modifiers{XML: true}}), tcp[0])
	})
}
