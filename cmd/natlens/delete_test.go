//go:build linux

package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

// manyUDP makes n flows that differ in their source port.
func manyUDP(t *testing.T, ns *lab.Namespace, n int) {
	t.Helper()
	s, err := kernel.OpenService(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	timeout := uint32(590)
	for i := range n {
		f := plainFlow(monitor.UDP, "192.0.2.1", "198.51.100.2", uint16(1000+i), 53)
		if err := s.Create(t.Context(), &f, &kernel.Change{Timeout: &timeout}); err != nil {
			t.Fatal(err)
		}
	}
}

// meanwhile is somebody who does something before answering.
type meanwhile struct {
	do     func()
	answer string
}

func (m *meanwhile) Read(p []byte) (int, error) {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return copy(p, m.answer), nil
}

// entries are how many flows the kernel has.
func entries(t *testing.T, ns *lab.Namespace) string {
	t.Helper()
	return strings.TrimSpace(ours(t, ns, "count").stdout)
}

func TestDeleteAsks(t *testing.T) {
	for _, c := range []struct {
		name, args, answer string
		code               int
		lines              int    // on stderr, with the first ten and the question
		last               string // on stderr
		left               string
	}{
		{"yes", "delete udp sport 1000..1011", "yes\n", 0, 12, "natlens: 12 flows deleted.\n", "3"},
		{"no", "delete udp sport 1000..1011", "n\n", 1, 12, "natlens: nothing was deleted\n", "15"},
		{"nothing", "delete udp", "\n", 1, 12, "natlens: nothing was deleted\n", "15"},
		{"one", "delete udp sport 1003", "y\n", 0, 2, "natlens: 1 flow deleted.\n", "14"},
		{"flags", "delete -p udp --sport 1003", "y\n", 0, 2, "natlens: 1 flow deleted.\n", "14"},
		{"none", "delete tcp", "y\n", 1, 1, "natlens: no flow matches: nothing to delete\n", "15"},
		{"--yes", "delete --yes udp sport >= 1010", "", 0, 1, "natlens: 5 flows deleted.\n", "10"},
		{"--dry-run", "delete --dry-run udp", "", 0, 12, "natlens: 15 flows would be deleted.\n", "15"},
		{"flush", "flush", "y\n", 0, 1, "natlens: connection tracking table has been emptied.\n", "0"},
		{"flush not", "flush", "no\n", 1, 1, "natlens: nothing was deleted\n", "15"},
		{"flush --dry-run", "flush --dry-run", "", 0, 1, "natlens: 15 flows would be deleted.\n", "15"},
		{"flush a family", "flush -f ipv6 --yes", "", 0, 1, "natlens: connection tracking table has been emptied.\n", "15"},
		{"update", "update udp sport 1003 --mark 5", "y\n", 0, 2, "natlens: 1 flow updated.\n", "15"},
		{"update not", "update udp --mark 5", "n\n", 1, 12, "natlens: nothing was updated\n", "15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ns := generatorNS(t)
			manyUDP(t, ns, 15)
			con := cli.Console{}
			if c.answer != "" {
				con.Answers = strings.NewReader(c.answer)
			}
			got := call(t.Context(), con, append(strings.Fields(c.args), "--netns", ns.Path())...)
			stderr := got.stderr.String()
			if got.code != c.code || !strings.HasSuffix(stderr, c.last) || strings.Count(stderr, "\n") != c.lines || got.stdout.String() != "" {
				t.Errorf("code %d, stdout %q, stderr\n%s", got.code, got.stdout.String(), stderr)
			}
			if left := entries(t, ns); left != c.left {
				t.Errorf("%s flows are left, want %s", left, c.left)
			}
		})
	}
}

// TestInterruptedQuestion: who is asked and presses Ctrl-C is asked no longer.
func TestInterruptedQuestion(t *testing.T) {
	ns := generatorNS(t)
	manyUDP(t, ns, 3)
	for _, c := range []struct{ args, last string }{
		{"delete udp", "natlens: nothing was deleted\n"},
		{"flush", "natlens: nothing was deleted\n"},
		{"update udp --mark 5", "natlens: nothing was updated\n"},
		{"expect flush", "natlens: nothing was deleted\n"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		answers, keyboard := io.Pipe()
		defer keyboard.Close()
		r := &running{code: make(chan int, 1)}
		con := cli.Console{Answers: answers, Stdin: strings.NewReader(""), Stdout: &r.stdout, Stderr: &r.stderr, Getenv: func(string) string { return "" }}
		go func() { r.code <- run(ctx, con, append(strings.Fields(c.args), "--netns", ns.Path())) }()
		waitFor(t, "the question", func() bool { return strings.HasSuffix(r.stderr.String(), "? [y/N] ") })
		interrupt()
		if code := r.end(t); code != 1 || !strings.HasSuffix(r.stderr.String(), "? [y/N] \n"+c.last) {
			t.Errorf("%s: code %d, standard error\n%s", c.args, code, r.stderr.String())
		}
	}
	if left := entries(t, ns); left != "3" {
		t.Errorf("%s flows are left of 3", left)
	}
}

// TestDeleteTakesWhatItCounted: between the question and the answer a flow ends,
// one begins, and one ends and begins again.
func TestDeleteTakesWhatItCounted(t *testing.T) {
	ns := generatorNS(t)
	manyUDP(t, ns, 4)
	change := func(do func(ctx context.Context, s *kernel.Service) error) {
		s, err := kernel.OpenService(ns.FD())
		if err == nil {
			defer s.Close()
			err = do(t.Context(), s)
		}
		if err != nil {
			t.Error(err)
		}
	}
	timeout := uint32(590)
	flow := func(port uint16) monitor.Flow { return plainFlow(monitor.UDP, "192.0.2.1", "198.51.100.2", port, 53) }
	remake := func(port uint16, gone, again bool) {
		f := flow(port)
		change(func(ctx context.Context, s *kernel.Service) error {
			if gone {
				if _, _, err := s.Delete(ctx, []kernel.Target{kernel.TargetOf(&f, 0)}, nil); err != nil || !again {
					return err
				}
			}
			return s.Create(ctx, &f, &kernel.Change{Timeout: &timeout})
		})
	}
	con := cli.Console{Answers: &meanwhile{answer: "y\n", do: func() {
		remake(1000, true, false)
		remake(2000, false, true)
	}}}
	got := call(t.Context(), con, "delete", "udp", "--netns", ns.Path())
	if !strings.HasSuffix(got.stderr.String(), "natlens: 3 flows deleted, 1 gone already.\n") || got.code != 0 {
		t.Errorf("code %d, stderr\n%s", got.code, got.stderr.String())
	}
	if left := ours(t, ns, "list", "-o", "csv").stdout; strings.Count(left, "\n") != 2 || !strings.Contains(left, "2000") {
		t.Errorf("left are\n%s", left)
	}
}
