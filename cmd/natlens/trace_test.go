//go:build linux

package main

import (
	"os/exec"
	"strings"
	"testing"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestTraceKilled kills natlens while it traces. The kernel removes its table.
func TestTraceKilled(t *testing.T) {
	t.Parallel()
	nft := labtest.Need(t, "nft")
	l := labtest.NewWith(t, lab.Config{})
	tables := func() string {
		var out []byte
		err := l.Gateway.Do(func() (err error) {
			out, err = exec.Command(nft, "list", "tables").Output()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before := tables()
	for _, args := range [][]string{{"trace"}, {"explain", "--rule", "--for", "1h"}} {
		p := start(t, l, args...)
		labtest.WaitFor(t, "natlens to trace", func() bool { return strings.Contains(p.stderr.String(), "marks packets") })
		if !strings.Contains(tables(), "natlens-trace-") {
			t.Errorf("%s: no table:\n%s", args, tables())
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.wait(t)
		labtest.WaitFor(t, "the end of the table", func() bool { return tables() == before })
	}
}
