//go:build linux

package table

import (
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/kernel"
)

// answers is a terminal where something happens before the answer.
type answers func() string

func (a answers) Read(p []byte) (int, error) { return copy(p, a()+"\n"), nil }

var builders = map[string]func(cli.Console) *cobra.Command{"delete": NewDelete, "flush": NewFlush, "update": NewUpdate}

// TestAsked lets delete, flush and update ask, and gives an answer.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		args, answer string
		code         int
		lines        int    // on stderr, with the first ten, the question and the error
		last         string // on stderr
		left         string
	}{
		{"delete udp sport 1000..1011", "yes", 0, 12, "12 flows deleted.", "3"},
		{"delete udp sport 1000..1011", "n", 1, 12, "nothing was deleted", "15"},
		{"delete udp", " ", 1, 12, "nothing was deleted", "15"},
		{"delete udp sport 1003", "y", 0, 2, "1 flow deleted.", "14"},
		{"delete -p udp --sport 1003", "y", 0, 2, "1 flow deleted.", "14"},
		{"delete tcp", "y", 1, 1, "no flow matches: nothing to delete", "15"},
		{"delete --yes udp sport >= 1010", "", 0, 1, "5 flows deleted.", "10"},
		{"delete --dry-run udp", "", 0, 12, "15 flows would be deleted.", "15"},
		{"flush", "y", 0, 1, "connection tracking table has been emptied.", "0"},
		{"flush", "no", 1, 1, "nothing was deleted", "15"},
		{"flush --dry-run", "", 0, 1, "15 flows would be deleted.", "15"},
		{"flush -f ipv6 --yes", "", 0, 1, "connection tracking table has been emptied.", "15"},
		{"update udp sport 1003 --mark 5", "y", 0, 2, "1 flow updated.", "15"},
		{"update udp --mark 5", "n", 1, 12, "nothing was updated", "15"},
	} {
		t.Run(c.args+": "+c.answer, func(t *testing.T) {
			ns := withUDP(t, 15)
			name, args, _ := strings.Cut(c.args, " ")
			got := clitest.Run(t.Context(), builders[name], c.answer,
				append(strings.Fields(args), "--netns", ns.Path())...)
			said := got.Stderr
			if got.Err != nil {
				said += "natlens: " + got.Err.Error() + "\n"
			}
			if got.Code() != c.code || !strings.HasSuffix(said, "natlens: "+c.last+"\n") ||
				strings.Count(said, "\n") != c.lines || got.Stdout != "" {
				t.Errorf("code %d, stdout %q, stderr\n%s", got.Code(), got.Stdout, said)
			}
			if left := in(t, ns, NewCount, "").Stdout; left != c.left+"\n" {
				t.Errorf("%s flows are left, want %s", left, c.left)
			}
		})
	}
}

// TestInterruptedQuestion presses Ctrl-C instead of an answer.
func TestInterruptedQuestion(t *testing.T) {
	ns := withUDP(t, 3)
	for _, c := range []struct{ args, want string }{
		{"delete udp", "nothing was deleted"}, {"flush", "nothing was deleted"},
		{"update udp --mark 5", "nothing was updated"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		keyboard := answers(func() string { interrupt(); <-t.Context().Done(); return "y" })
		name, args, _ := strings.Cut(c.args, " ")
		got := clitest.Asking(ctx, builders[name], keyboard, append(strings.Fields(args), "--netns", ns.Path())...)
		if got.Code() != 1 || !strings.HasSuffix(got.Stderr, "? [y/N] \n") || got.Err.Error() != c.want {
			t.Errorf("%s: code %d, %v, standard error\n%s", c.args, got.Code(), got.Err, got.Stderr)
		}
	}
	if left := in(t, ns, NewCount, "").Stdout; left != "3\n" {
		t.Errorf("%s flows are left of 3", left)
	}
}

// TestDeleteTakesWhatItCounted: between the question and the answer a flow ends and another begins.
func TestDeleteTakesWhatItCounted(t *testing.T) {
	ns := withUDP(t, 4)
	s, err := kernel.OpenService(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := udpFlow(1000)
	got := clitest.Asking(t.Context(), NewDelete, answers(func() string {
		if _, _, err := s.Delete(t.Context(), []kernel.Target{kernel.TargetOf(&ended, 0)}, nil); err != nil {
			t.Error(err)
		}
		begin(t, s, 2000)
		return "y"
	}), "udp", "--netns", ns.Path())
	if !strings.HasSuffix(got.Stderr, "natlens: 3 flows deleted, 1 gone already.\n") || got.Code() != 0 {
		t.Errorf("code %d, %v, stderr\n%s", got.Code(), got.Err, got.Stderr)
	}
	if left := in(t, ns, NewList, "-o csv").Stdout; strings.Count(left, "\n") != 2 || !strings.Contains(left, "2000") {
		t.Errorf("left are\n%s", left)
	}
}
