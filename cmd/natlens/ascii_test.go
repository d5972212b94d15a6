//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestASCII expects no other characters than ASCII where the locale has no UTF-8: of the help of every command and
// topic, and of a check of a gateway with traffic.
func TestASCII(t *testing.T) {
	expect := func(what, text string) {
		t.Helper()
		if i := strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }); i >= 0 || text == "" {
			t.Errorf("%s: a character at %d is not ASCII: %q", what, i, text[max(i, 0):min(max(i, 0)+40, len(text))])
		}
	}
	var help strings.Builder
	con := cli.Console{Stdout: &help, Stderr: &help, Getenv: func(name string) string {
		return map[string]string{"LC_ALL": "C"}[name]
	}}
	eachCommand(newRoot(con), func(cmd *cobra.Command) {
		help.Reset()
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		expect(cmd.CommandPath()+" --help", help.String())
	})

	l := labtest.NewWith(t, lab.Config{})
	if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS}); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"doctor --for 1s", "stats -o pretty", "list -o pretty", "explain udp"} {
		cmd := natlens(strings.Fields(args)...)
		cmd.Env = append(cmd.Env, "LC_ALL=C")
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := l.Gateway.Do(cmd.Start); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // doctor may find something wrong
		expect(args, out.String())
	}
}
