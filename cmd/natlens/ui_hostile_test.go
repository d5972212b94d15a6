//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

// hostile is text that would set the terminal's title, colour it, clear it and
// turn its writing round, if it got there as it is.
const hostile = "PWN\x1b]0;PWN\x07\x1b[31337m\x1b[2J\u009b31m\u202eX\u2066\x7f\x00\r\nPWN"

// beShown, in the environment, makes TestUIHostileText natlens with that resolver
// of names, a DNS server, and that file of label names.
const beShown = "NATLENS_TEST_HOSTILE"

// TestUIHostileText shows a recording that somebody else made, its name, its
// texts, the names that a DNS server gives to its addresses, the filters of
// earlier runs and a paste, and reads all bytes that the terminal got: what is
// hostile is there as visible escapes only.
func TestUIHostileText(t *testing.T) {
	if server, labels, ok := strings.Cut(os.Getenv(beShown), " "); ok {
		beHostile(server, labels)
	}
	t.Parallel()
	dir := t.TempDir()
	recording := filepath.Join(dir, "night\x1b]0;PWN\x07\u202e.jsonl")
	writeHostile(t, recording)
	labels := filepath.Join(dir, "connlabel.conf")
	write(t, labels, "1 voip\x1b[31337m\u202e\n")
	p := openPaneWith(t, 160, 40, beShown+"="+hostileNames(t)+" "+labels, "-test.run=^TestUIHostileText$", recording)
	for _, step := range []struct {
		does  func()
		shows string
	}{
		{func() {}, `PWN\x`}, // the helper
		{func() { p.press("n") }, "good.example"},
		{func() { p.press("Enter") }, "original"},
		{func() { p.press("End") }, "secctx"},
		{func() { p.press("Escape") }, "DESTINATION"},
		{func() { p.enter("2") }, "EVENT"},
		{func() { p.enter("/"); p.press("Up") }, "OLD"},
		{func() { p.press("C-u"); p.paste("NEW" + strings.ReplaceAll(hostile, "\x00", "")) }, "NEW"},
		{func() { p.press("C-c") }, "? help"},
	} {
		step.does()
		p.await(step.shows, hasText(step.shows))
	}
	p.press("q")
	p.endedWell()
	checkWritten(t, p.Written())
}

// beHostile is natlens replay with names by a DNS server of the test.
func beHostile(server, labels string) {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server)
	}}
	// Where the filters of earlier runs are kept.
	history := filepath.Join(os.Getenv("XDG_STATE_HOME"), "natlens", "filters")
	if err := os.MkdirAll(filepath.Dir(history), 0o700); err != nil {
		panic(err)
	}
	if err := os.WriteFile(history, []byte("OLD"+strings.ReplaceAll(hostile, "\n", "")+"\n"), 0o600); err != nil {
		panic(err)
	}
	con := cli.Console{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, LabelFile: labels}
	os.Exit(run(context.Background(), con, []string{"replay", "--speed", "100", "--theme", "dark", os.Args[len(os.Args)-1]}))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeHostile makes a recording of one flow.
func writeHostile(t *testing.T, path string) {
	t.Helper()
	text, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	helper, err := json.Marshal("PWN\x1b]0;P\x07\x1b[2J\u202e") // at most monitor.MaxHelper bytes
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, fmt.Sprintf(`{"v":1,"ts":"2026-11-22T06:12:01.123456789Z","ts_source":"kernel","seq":1,"event":"new","id":1561741433,`+
		`"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,`+
		`"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":21},`+
		`"reply":{"src":"203.0.113.9","sport":21,"dst":"203.0.113.1","dport":39502},`+
		`"status":["confirmed","src_nat","src_nat_done"],"mark":1,"helper":%s,"secctx":%s,"labels":[1,2]}`+"\n", helper, text))
}

// hostileNames is a DNS server that gives every address a name, a hostile one to
// all but 203.0.113.9. It returns where it listens.
func hostileNames(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(nameAnswer(question[:n]), from) // a lost answer is asked for again
		}
	}()
	return conn.LocalAddr().String()
}

// nameAnswer answers a question for the name of an address (RFC 1035, 4.1).
func nameAnswer(question []byte) []byte {
	labels := []string{"good", "example"}
	if !strings.Contains(string(question), "\x019\x03113\x010\x03203") {
		labels = []string{hostile, "example"}
	}
	var name []byte
	for _, l := range labels {
		name = append(append(name, byte(len(l))), l...)
	}
	name = append(name, 0)
	end := 12 + slices.Index(question[12:], 0) + 5 // after the question's name, its type and class
	answer := slices.Clone(question[:end])
	copy(answer[2:], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}) // an answer; one question, one record
	answer = append(answer, 0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60)  // its name, PTR, IN, 60 s
	answer = append(answer, 0, byte(len(name)))
	return append(answer, name...)
}

// ownCommands are the renderer's to the operating system: its title, and the
// question for the background.
var ownCommands = []string{"\x1b]2;natlens\a", "\x1b]2;\a", "\x1b]11;?\a"}

// checkWritten holds what a terminal got to printable text and the renderer's
// own sequences.
func checkWritten(t *testing.T, out string) {
	t.Helper()
	if !strings.Contains(out, `\x1b]0;PWN`) {
		t.Fatalf("the hostile text was not shown: %q", out)
	}
	var state byte
	for at := 0; at < len(out); {
		seq, width, n, next := ansi.DecodeSequence(out[at:], state, nil)
		context := out[max(0, at-40):min(len(out), at+n+40)]
		switch {
		case width > 0 || n == 1 && strings.Contains("\r\n\t\b", seq):
		case !strings.HasPrefix(seq, "\x1b") || strings.Contains(seq, "PWN") || strings.Contains(seq, "31337"):
			t.Errorf("%q is written, in %q", seq, context)
		case strings.HasPrefix(seq, "\x1b]") && !slices.Contains(ownCommands, seq):
			t.Errorf("%q is written, in %q", seq, context)
		}
		for _, r := range ansi.Strip(seq) {
			if monitor.Unsafe(r) && !strings.ContainsRune("\r\n\t\b", r) {
				t.Errorf("%q is written, in %q", r, context)
			}
		}
		at, state = at+n, next
	}
}
