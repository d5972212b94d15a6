package export

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"natlens/export/pretty"
	"natlens/monitor"
	"natlens/monitor/golden"
)

func TestPretty(t *testing.T) {
	const labels = "testdata/conntrack/connlabel.conf"
	for name, o := range map[string]Options{
		"events.pretty":        {LabelFile: labels},
		"events.pretty.colour": {Colour: true},
		"events.pretty.light":  {Colour: true, Light: true},
		"events.pretty.narrow": {Width: 80, LabelFile: labels},
	} {
		o.Location = time.FixedZone("CET", 3600)
		out := render(t, func(out *bytes.Buffer) monitor.Sink { return pretty.NewWriter(out, o) }, prettyEvents()...)
		// The escape character is written as ␛ so that the file can be read.
		golden.File(t, name, bytes.ReplaceAll(out, []byte("\x1b"), []byte("␛")))
	}
}

// prettyEvents are all events and some ends that only this format prints.
func prettyEvents() []monitor.Event {
	all := events()
	destroy := all[3]
	for _, life := range []monitor.Time{340e6, 59e9, 3600e9, 86400e9*2 + 4*3600e9} {
		e := destroy
		e.Has &^= monitor.AttrStart | monitor.AttrStop | monitor.AttrCountersOrig
		e.Born, e.Flow.CountersReply.Bytes = e.Time-life, uint64(life)
		all = append(all, e)
	}
	unanswered := all[7]
	unanswered.Kind = monitor.KindDestroy
	odd := all[13]
	odd.Flow.Orig.SetICMP(1, 13, 2)
	return append(all, unanswered, odd)
}

// TestPrettyColourOnly holds the coloured lines to the plain ones: colours carry
// no text, and each line ends as the terminal was before it.
func TestPrettyColourOnly(t *testing.T) {
	show := func(o Options) string {
		o.Location = time.UTC
		return string(render(t, func(out *bytes.Buffer) monitor.Sink { return pretty.NewWriter(out, o) }, prettyEvents()...))
	}
	plain, coloured := show(Options{}), show(Options{Colour: true})
	for line := range strings.Lines(coloured) {
		if i := strings.LastIndex(line, "\x1b["); i >= 0 && !strings.HasPrefix(line[i:], "\x1b[m") {
			t.Errorf("%q leaves its colour on", line)
		}
	}
	var bare strings.Builder
	for i := 0; i < len(coloured); i++ {
		if coloured[i] == '\x1b' {
			i += strings.IndexByte(coloured[i:], 'm')
			continue
		}
		bare.WriteByte(coloured[i])
	}
	if bare.String() != plain {
		t.Errorf("without its colours:\n%s\nplain:\n%s", bare.String(), plain)
	}
}

func BenchmarkPretty(b *testing.B) {
	b.Run("new", func(b *testing.B) {
		benchmarkSink(b, pretty.NewWriter(io.Discard, Options{Colour: true}), tcpEvents()[0])
	})
	b.Run("destroy", func(b *testing.B) {
		benchmarkSink(b, pretty.NewWriter(io.Discard, Options{Colour: true}), tcpEvents()[3])
	})
}

// TestPrettySigns checks names of protocols, the columns, and the output for a locale
// without UTF-8.
func TestPrettySigns(t *testing.T) {
	state := func(p monitor.Proto, s monitor.State) monitor.Event {
		e := tcpEvents()[0]
		e.Flow.Orig.Proto, e.Flow.Reply.Proto, e.Flow.State = p, p, s
		return e
	}
	esp := tcpEvents()[0]
	esp.Flow.Orig.Proto, esp.Flow.Reply.Proto, esp.Has = 50, 50, esp.Has&^monitor.AttrState
	all := []monitor.Event{state(monitor.TCP, monitor.TCPSynSent), esp}
	for s := range monitor.StateNames(monitor.SCTP) {
		all = append(all, state(monitor.SCTP, monitor.State(s)))
	}
	for _, width := range []int{0, 80} {
		o := Options{Location: time.UTC, Width: width, ASCII: true}
		out := render(t, func(out *bytes.Buffer) monitor.Sink { return pretty.NewWriter(out, o) }, append(all, gapEvents()...)...)
		lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "         ") // continues the line before
		})
		at := strings.Index(lines[0], "192.168.77.2")
		for i := range all {
			if strings.Index(lines[i], "192.168.77.2") != at {
				t.Errorf("the columns differ:\n%s\n%s", lines[0], lines[i])
			}
		}
		if !strings.Contains(lines[1], " esp ") {
			t.Errorf("no name of protocol 50: %s", lines[1])
		}
		if i := bytes.IndexFunc(out, func(r rune) bool { return r >= 0x80 || r == '?' }); i >= 0 {
			t.Errorf("not ASCII: %s", out[i:])
		}
	}
}

// On a terminal no line is wider than it, words are whole, and the text is that of a pipe.
func TestPrettyWraps(t *testing.T) {
	show := func(width int) string {
		o := Options{Location: time.UTC, Width: width, Colour: true}
		return string(render(t, func(out *bytes.Buffer) monitor.Sink { return pretty.NewWriter(out, o) }, append(prettyEvents(), gapEvents()...)...))
	}
	wide := strings.Fields(show(0))
	for _, width := range []int{100, 120, 160} {
		text := show(width)
		for line := range strings.Lines(text) {
			if n := ansi.StringWidth(strings.TrimSuffix(line, "\n")); n > width || strings.HasSuffix(line, " \n") || strings.TrimSpace(line) == "" {
				t.Errorf("%d columns, wanted %d: %q", n, width, line)
			}
		}
		if diff := cmp.Diff(wide, strings.Fields(text)); diff != "" {
			t.Errorf("at %d columns other words: %s", width, diff)
		}
	}
	for line := range strings.Lines(show(80)) {
		if n := ansi.StringWidth(strings.TrimSuffix(line, "\n")); n > 80 || strings.HasSuffix(line, "→\n") {
			t.Errorf("%d columns, wanted 80: %q", n, line)
		}
	}
}
