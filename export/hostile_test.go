package export

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"natlens/export/conntrack"
	"natlens/monitor"
)

// TestHostileText writes text that would move the cursor, change colours or turn the
// writing direction to every format, wherever text from outside has a place.
func TestHostileText(t *testing.T) {
	evil := "\x1b]0;EVIL\a\x1b[31mred\u202e\u009b31m\r\n\xff\x00\\"
	names := new(monitor.Namespaces)
	id, _ := names.Add(monitor.Namespace{Name: evil, Inode: 7})
	all := events()
	for i := range all {
		e := &all[i]
		e.SetNetNS(id)
		e.PortID = 4242
		if e.Extra != nil {
			x := *e.Extra
			x.Helper, x.SecCtx, e.Extra = []byte(evil), []byte(evil), &x
			e.Has |= monitor.AttrHelper | monitor.AttrSecCtx
		}
	}
	begin := monitor.Event{Kind: monitor.KindNetNSBegin, Time: base}
	begin.SetNetNS(id)
	all = append(all, begin)
	finding := monitor.Finding{Rule: "rule", Severity: monitor.SeverityFail, Subject: evil, Text: evil, Why: evil, Filter: evil, Command: evil, NetNS: id}
	expectation := monitor.Expect{Has: monitor.ExpectHelper, Helper: evil, Kind: monitor.KindNew}

	for _, format := range []string{"pretty", "jsonl", "csv", "conntrack", "conntrack,id,timestamp,ktimestamp,extended,labels", "conntrack,xml", "conntrack,save"} {
		var out, notes bytes.Buffer
		sink, err := New(format, &out, Options{Namespaces: names, Notes: &notes, ProgName: func(uint32) string { return evil },
			LabelFile: "testdata/conntrack/connlabel.conf"})
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Write(batch(all...)); err != nil {
			t.Fatal(err)
		}
		if f, ok := sink.(interface{ Finding(*monitor.Finding) error }); ok {
			if err := f.Finding(&finding); err != nil {
				t.Fatal(err)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		harmless(t, format, out.String())
		harmless(t, format+" notes", notes.String())
		if n := strings.Count(out.String()+notes.String(), "EVIL"); n < len(all) && format != "conntrack,save" {
			t.Errorf("%s: the names are missing", format)
		}
	}
	for _, format := range []string{"jsonl", "conntrack", "conntrack,xml"} {
		var out bytes.Buffer
		sink, err := NewExpects(format, &out, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Expect(&expectation); err != nil {
			t.Fatal(err)
		}
		harmless(t, format+" expectations", out.String())
	}
	var notes bytes.Buffer
	_ = FindingNotes{&notes}.Finding(&finding)
	conntrack.NewWriter(&notes, conntrack.Modifiers{Labels: true}, Options{Notes: &notes, LabelFile: evil})
	harmless(t, "notes", notes.String())
	if _, err := New(evil, &notes, Options{}); err == nil {
		t.Error("a format of that name")
	}
}

// harmless checks that text is UTF-8 without control characters, line ends aside, and
// that nothing was escaped twice.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s is not UTF-8: %q", what, text)
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && monitor.Unsafe(r) {
			t.Errorf("%s contains %q", what, r)
		}
	}
	if strings.Contains(text, `\\x1b`) || strings.Contains(text, `\\u`) {
		t.Errorf("%s is escaped twice: %s", what, text)
	}
}
