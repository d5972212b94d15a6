package conntrack

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
	p := &progNames{proc: fakeProc(t)}
	for _, tt := range []struct {
		portid uint32
		want   string
	}{
		{4242, "nf agent"},       // the port is the process's number
		{4194304001, "nf agent"}, // found by reading all
		{77, ""},                 // nobody holds that socket
		{1, ""},                  // no such port
		{4242, "nf agent"},
	} {
		if got := p.find(tt.portid); got != tt.want {
			t.Errorf("port %d: %q, want %q", tt.portid, got, tt.want)
		}
	}
	p.name = "remembered"
	if got := p.find(4242); got != "remembered" {
		t.Errorf("the last answer is not remembered: %q", got)
	}
	if got := (&progNames{proc: "testdata/none"}).find(1); got != "" {
		t.Errorf("without /proc: %q", got)
	}
}

// TestProgNameLeftOut has the table leave the port out at some readings, as the kernel
// does while sockets come and go.
func TestProgNameLeftOut(t *testing.T) {
	const has, hasNot = "header\n0 12 9 0 0 0 0 2 0 200\n", "header\n0 12 8 0 0 0 0 2 0 299\n"
	var reads int
	var tables []string // what the readings see; all after them: hasNot
	p := &progNames{proc: fakeProc(t), table: func() (io.ReadCloser, error) {
		text := hasNot
		if reads < len(tables) {
			text = tables[reads]
		}
		reads++
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	for _, tt := range []struct {
		name   string
		tables []string
		port   uint32
		want   string
		reads  int
	}{
		{"found at once", []string{has}, 9, "nf agent", 1},
		{"left out once", []string{hasNot, has}, 9, "nf agent", 2},
		{"left out twice", []string{hasNot, hasNot, has}, 9, "nf agent", 3},
		{"left out thrice", []string{hasNot, hasNot, hasNot, has}, 9, "", 3},
		{"gone before: one reading", []string{hasNot, has}, 9, "", 1},
		{"gone before, and there again", []string{has}, 9, "nf agent", 1},
		{"another that is gone", nil, 7, "", 3},
		{"that one's next event", nil, 7, "", 1},
		{"the first one again", []string{hasNot, has}, 9, "nf agent", 2},
	} {
		tables, reads = tt.tables, 0
		if got := p.find(tt.port); got != tt.want || reads != tt.reads {
			t.Errorf("%s: %q after %d reads, want %q after %d", tt.name, got, reads, tt.want, tt.reads)
		}
	}
}

func TestProgNameOfNamespace(t *testing.T) {
	proc := fakeProc(t)
	table := func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("header\n0 12 9 0 0 0 0 2 0 200\n")), nil
	}
	p := &progNames{proc: proc, table: table}
	if got := p.find(9); got != "nf agent" {
		t.Errorf("port 9 of the other namespace: %q", got)
	}
	if got := p.find(4242); got != "" {
		t.Errorf("port 4242 is not in the other namespace, but %q has it", got)
	}
	if got := ProgName(func() (io.ReadCloser, error) { return nil, fs.ErrNotExist })(9); got != "" {
		t.Errorf("without a table: %q", got)
	}
}
