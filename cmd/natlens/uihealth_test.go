//go:build linux

package main

import (
	"strings"
	"testing"

	"natlens/monitor/doctor"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestUIQuiet has the UI in a namespace where nothing is tracked and nothing
// counted: it says so, with commands; those mend it, and it says so no more.
func TestUIQuiet(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	labtest.FlushRules(t, l)
	p := openPane(t, 120, 30, "--theme", "dark", "--netns", l.Gateway.Path())
	var command string
	p.await("the reason", func(lines []string) bool {
		_, rest, _ := strings.Cut(unwrapped(lines), " → ")
		before, _, ok := strings.Cut(rest, doctor.TurnOn+"'")
		command = before + doctor.TurnOn + "'"
		return ok
	})
	labtest.Shell(t, l, command)
	// Without NAT nobody answers.
	if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS, NoReply: true}); err != nil {
		t.Fatal(err)
	}
	p.await("a flow", func(lines []string) bool { return hasText("udp", ":53")(lines) && !hasText("nothing seen")(lines) })

	p.press("5")
	p.await("what is not counted", hasText("EVENTS", "! acct", "nf_conntrack_acct is 0"))
	p.press("End")
	said := func(lines []string) bool {
		return strings.Contains(unwrapped(lines), "sysctl -w net.netfilter.nf_conntrack_acct=1")
	}
	for range 20 { // up to the line of accounting
		if said(p.screen()) {
			break
		}
		p.press("Up")
	}
	p.await("its command", said)
	labtest.Shell(t, l, "sysctl -w net.netfilter.nf_conntrack_acct=1")
	p.await("no word of it", func(lines []string) bool { return hasText("EVENTS")(lines) && !hasText("acct")(lines) })
	p.press("q")
	p.endedWell()
}

// TestUIDenied starts the UI without privilege: one line says what is missing
// and how to get it, on a terminal that is as it was.
func TestUIDenied(t *testing.T) {
	labtest.Need(t, "tmux")
	var p *pane
	if err := onThread(func() error {
		if err := childrenArePlain(); err != nil {
			return err
		}
		p = openPane(t, 250, 30, "--theme", "dark") // the line is one
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	rest, asBefore := strings.CutPrefix(p.ended(), p.before.screen+"\n\n")
	golden.Words(t, "", rest)
	if line, _, _ := strings.Cut(rest, "\nended 1"); !asBefore || strings.Contains(line, "\n") {
		t.Errorf("the screen ends with\n%s", rest)
	}
}

// unwrapped is the text of a screen as one line.
func unwrapped(lines []string) string {
	return strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
}
