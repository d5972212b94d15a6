//go:build linux

package table

import (
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/golden"
	"natlens/monitor/kernel"
)

// answers is a terminal where something happens before the answer.
type answers func() string

func (a answers) Read(p []byte) (int, error) { return copy(p, a()+"\n"), nil }

var builders = map[string]func(cli.Console) *cobra.Command{"delete": NewDelete, "flush": NewFlush, "update": NewUpdate}

// last is the last line on standard error. Lines before it have flows, in any order.
func last(r *clitest.Result) string {
	lines := strings.Split(strings.TrimSuffix(r.Messages(), "\n"), "\n")
	return lines[len(lines)-1]
}

// TestAsked lets delete, flush and update ask, and gives an answer.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		args, answer string
		code         int
		lines        int // on stderr, with the first ten, the question and the error
		left         string
	}{
		{"delete udp sport 1000..1011", "yes", 0, 12, "3"},
		{"delete udp sport 1000..1011", "n", 1, 12, "15"},
		{"delete udp", " ", 1, 12, "15"},
		{"delete udp sport 1003", "y", 0, 2, "14"},
		{"delete -p udp --sport 1003", "y", 0, 2, "14"},
		{"delete tcp", "y", 1, 1, "15"},
		{"delete --yes udp sport >= 1010", "", 0, 1, "10"},
		{"delete --dry-run udp", "", 0, 12, "15"},
		{"flush", "y", 0, 1, "0"},
		{"flush", "no", 1, 1, "15"},
		{"flush --dry-run", "", 0, 1, "15"},
		{"flush -f ipv6 --yes", "", 0, 1, "15"},
		{"update udp sport 1003 --mark 5", "y", 0, 2, "15"},
		{"update udp --mark 5", "n", 1, 12, "15"},
	} {
		t.Run(c.args+": "+c.answer, func(t *testing.T) {
			ns := withUDP(t, 15)
			name, args, _ := strings.Cut(c.args, " ")
			got := clitest.Run(t.Context(), builders[name], c.answer,
				append(strings.Fields(args), "--netns", ns.Path())...)
			golden.Words(t, "", last(got))
			if got.Code() != c.code || strings.Count(got.Messages(), "\n") != c.lines || got.Stdout != "" {
				t.Errorf("code %d, stdout %q, stderr\n%s", got.Code(), got.Stdout, got.Messages())
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
	for _, command := range []string{"delete udp", "flush", "update udp --mark 5"} {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		keyboard := answers(func() string { interrupt(); <-t.Context().Done(); return "y" })
		name, args, _ := strings.Cut(command, " ")
		got := clitest.Asking(ctx, builders[name], keyboard, append(strings.Fields(args), "--netns", ns.Path())...)
		golden.Words(t, command, got.Err)
		if got.Code() != 1 || !strings.HasSuffix(got.Stderr, "? [y/N] \n") {
			t.Errorf("%s: code %d, %v, standard error\n%s", command, got.Code(), got.Err, got.Stderr)
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
	golden.Words(t, "", last(got))
	if got.Code() != 0 {
		t.Errorf("code %d, %v, stderr\n%s", got.Code(), got.Err, got.Stderr)
	}
	if left := in(t, ns, NewList, "-o csv").Stdout; strings.Count(left, "\n") != 2 || !strings.Contains(left, "2000") {
		t.Errorf("left are\n%s", left)
	}
}
