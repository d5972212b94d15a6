package ctnetlink

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// kernelMessage is one message as a kernel sent it, and what the decoder must make of it.
//
// A file of testdata is text: lines that start with # are comments, hexadecimal
// lines are the message (of a little endian machine), lines that start with = are
// the event as render writes it. An empty line ends a message.
type kernelMessage struct {
	file     string
	comments []string
	msg      []byte
	want     []string
}

func (g *kernelMessage) name() string { return g.file + ": " + strings.Join(g.comments, " ") }

// goldenFile reads one file; the first block is its heading.
func goldenFile(tb testing.TB, path string) (heading string, all []kernelMessage) {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	heading, rest, _ := strings.Cut(string(text), "\n\n")
	for block := range strings.SplitSeq(strings.TrimSpace(rest), "\n\n") {
		g := kernelMessage{file: filepath.Base(path)}
		var digits strings.Builder
		for line := range strings.SplitSeq(block, "\n") {
			switch {
			case strings.HasPrefix(line, "#"):
				g.comments = append(g.comments, strings.TrimSpace(line[1:]))
			case strings.HasPrefix(line, "="):
				g.want = append(g.want, strings.TrimSpace(line[1:]))
			default:
				digits.WriteString(line)
			}
		}
		msg, err := hex.DecodeString(digits.String())
		if err != nil {
			tb.Fatalf("%s: %v", g.name(), err)
		}
		g.msg = toHost(msg)
		all = append(all, g)
	}
	return heading, all
}

func goldenFiles(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no golden files: %v", err)
	}
	return files
}

// goldenAll returns the messages of all files.
func goldenAll(tb testing.TB) (all []kernelMessage) {
	tb.Helper()
	for _, path := range goldenFiles(tb) {
		_, g := goldenFile(tb, path)
		all = append(all, g...)
	}
	return all
}

func TestGolden(t *testing.T) {
	for _, path := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			heading, all := goldenFile(t, path)
			for i := range all {
				got := decodeGolden(t, &all[i])
				if *golden.Update {
					all[i].want = got
				} else if diff := cmp.Diff(all[i].want, got); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", all[i].name(), diff)
				}
			}
			if *golden.Update {
				writeGolden(t, path, heading, all)
			}
		})
	}
}

// decodeGolden decodes one message with a decoder of its own. A kernel's message
// has nothing in it that the decoder does not know.
func decodeGolden(t *testing.T, g *kernelMessage) []string {
	t.Helper()
	var d Decoder
	var b monitor.Batch
	kept := bytes.Clone(g.msg)
	if err := d.Decode(g.msg, &b); err != nil {
		t.Fatalf("%s: %v", g.name(), err)
	}
	if d.Unknown+d.Malformed > 0 || len(b.Events) != 1 {
		t.Errorf("%s: %d events, %+v", g.name(), len(b.Events), d)
	}
	e := &b.Events[0]
	if !bytes.Equal(g.msg, kept) {
		t.Errorf("%s: the message was changed", g.name())
	}
	if &e.Raw[0] != &g.msg[0] || len(e.Raw) != len(g.msg) {
		t.Errorf("%s: Raw is not the message", g.name())
	}
	if s := leftover(e); s != "" {
		t.Errorf("%s: set, but not in Has: %s", g.name(), s)
	}
	return strings.Split(strings.TrimSpace(render(e)), "\n")
}

func writeGolden(t *testing.T, path, heading string, all []kernelMessage) {
	t.Helper()
	var out strings.Builder
	out.WriteString(heading + "\n")
	for _, g := range all {
		out.WriteString("\n")
		for _, c := range g.comments {
			out.WriteString("# " + c + "\n")
		}
		for digits := hex.EncodeToString(g.msg); digits != ""; {
			n := min(64, len(digits))
			out.WriteString(digits[:n] + "\n")
			digits = digits[n:]
		}
		for _, l := range g.want {
			out.WriteString("= " + l + "\n")
		}
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
