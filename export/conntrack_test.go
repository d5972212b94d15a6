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
		"events.conntrack":     "id,timestamp,ktimestamp,extended,labels",
		"events.conntrack.xml": "xml,id,timestamp,ktimestamp,labels",
	} {
		var notes bytes.Buffer
		o, err := ParseConntrackModifiers(modifiers)
		if err != nil {
			t.Fatal(err)
		}
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
	sink := NewConntrack(&out, ConntrackOptions{Labels: true, LabelFile: "testdata/none.conf", Notes: &notes})
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
	out := render(t, func(out *bytes.Buffer) monitor.Sink { return NewConntrack(out, ConntrackOptions{XML: true}) }, gapEvents()...)
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

func TestParseConntrackModifiers(t *testing.T) {
	tests := []struct{ in, err string }{
		{"", ""},
		{"id,timestamp,ktimestamp,extended,labels,xml,userspace", ""},
		{"ID,ext,k", ""},
		{"id,", `unknown output modifier "": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace`},
		{"timestmap", `unknown output modifier "timestmap": did you mean timestamp?`},
		{"json", `unknown output modifier "json": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace`},
		{"save", "output modifier save: not supported; use conntrack -o save"},
	}
	for _, tt := range tests {
		_, err := ParseConntrackModifiers(tt.in)
		if got := errorText(err); got != tt.err {
			t.Errorf("%q: error %q, want %q", tt.in, got, tt.err)
		}
	}
	o, err := ParseConntrackModifiers("ID,ext,k")
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

// fakeProc is a /proc with a netlink table and one process.
func fakeProc(t *testing.T) string {
	t.Helper()
	proc := t.TempDir()
	files := map[string]string{
		"net/netlink": "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n" +
			"0000000000000000 0   4242       00000000 0        0        0     2        0        100\n" +
			"0000000000000000 12  4242       00000000 0        0        0     2        0        200\n" +
			"0000000000000000 12  4194304001 00000000 0        0        0     2        0        201\n" +
			"0000000000000000 12  77         00000000 0        0        0     2        0        299\n",
		"4242/stat": "4242 (nf agent) S 1 4242",
		"77/stat":   "77 (other) S 1 77",
		"self/stat": "1 (self) R",
	}
	for name, text := range files {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"4242/fd/0": "/dev/null", "4242/fd/3": "socket:[200]", "4242/fd/4": "socket:[201]", "77/fd/0": "pipe:[299]"} {
		path := filepath.Join(proc, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func TestProgName(t *testing.T) {
	p := progNames{proc: fakeProc(t), last: map[uint32]progName{}}
	for _, tt := range []struct {
		portid uint32
		want   string
	}{
		{4242, "nf agent"},       // the port is the process's number
		{4194304001, "nf agent"}, // found by looking through all
		{77, ""},                 // nobody holds that socket
		{1, ""},                  // no such port
		{4242, "nf agent"},
	} {
		if got := p.find(tt.portid); got != tt.want {
			t.Errorf("port %d: %q, want %q", tt.portid, got, tt.want)
		}
	}
	p.last[4242] = progName{"200", "remembered"}
	if got := p.find(4242); got != "remembered" {
		t.Errorf("the last answer is not remembered: %q", got)
	}
	if got := (progNames{proc: "testdata/none"}).find(1); got != "" {
		t.Errorf("without /proc: %q", got)
	}
}

func TestConntrackAllocates(t *testing.T) {
	for _, xml := range []bool{false, true} {
		sink := NewConntrack(io.Discard, ConntrackOptions{ID: true, Timestamp: true, KTimestamp: true, Extended: true,
			Labels: true, LabelFile: "testdata/conntrack/connlabel.conf", XML: xml})
		all := events()
		b := batch(all[:len(all)-len(gapEvents())]...)
		if n := testing.AllocsPerRun(100, func() { _ = sink.Write(b) }); n != 0 {
			t.Errorf("xml %v: %v allocations a batch, want 0", xml, n)
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
		benchmarkSink(b, NewConntrack(io.Discard, ConntrackOptions{ID: true, Timestamp: true, KTimestamp: true, Extended: true}), tcp[3])
	})
	b.Run("xml", func(b *testing.B) { benchmarkSink(b, NewConntrack(io.Discard, ConntrackOptions{XML: true}), tcp[0]) })
}
