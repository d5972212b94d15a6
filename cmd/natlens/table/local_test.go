//go:build linux

package table

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// A connection that this process has open is listed with its name, and selected by it.
func TestListProcess(t *testing.T) {
	l := labtest.New(t)
	server := netip.AddrPortFrom(lab.ServerIP, 7000)
	far, err := l.Server.ListenTCP(server)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	conn, err := l.Gateway.DialTCP(t.Context(), netip.AddrPortFrom(lab.GatewayWAN, 20000), server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSpace(string(text))
	list := func(args ...string) string {
		t.Helper()
		args = append([]string{"--netns", l.Gateway.Path(), "-o", "jsonl", "sport", "20000"}, args...)
		got := clitest.Run(t.Context(), NewList, "", args...)
		if got.Err != nil {
			t.Fatalf("%v, %s", got.Err, got.Stderr)
		}
		return got.Stdout
	}
	want := fmt.Sprintf(`"local":{"process":%q,"pid":%d,"uid":%d,`, name, os.Getpid(), os.Getuid())
	for _, args := range [][]string{{"--process"}, {"process", `"` + name + `"`}, {"process", name[:3] + "*"}} {
		if got := list(args...); strings.Count(got, want) != 1 || !strings.Contains(got, `"match":"exact"`) {
			t.Errorf("%q: %s without %s", args, got, want)
		}
	}
	if got := list("process", "nobody"); got != "" {
		t.Errorf("of another process: %s", got)
	}
	if got := list(); strings.Contains(got, `"local":`) || got == "" {
		t.Errorf("without --process: %s", got)
	}
}

// A list of a recording has the recorded processes and containers, and is filtered by them. An update of the first
// flow has its process, and the second one belongs to a container.
func TestListFromProcess(t *testing.T) {
	text, err := os.ReadFile("../watch/testdata/life.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for line, local := range map[int]string{
		1: `{"process":"curl","pid":4711,"uid":1000,"user":"ann","match":"exact"}`,
		2: `{"container":"web","pod":"shop/web-0","match":"address"}`,
	} {
		lines[line] = strings.TrimSuffix(lines[line], "}\n") + `,"local":` + local + "}\n"
	}
	path := filepath.Join(t.TempDir(), "rec.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{ // parts of the lines
		"--at +0s":              `"id":7`,
		"--at +0s process curl": "",
		"--at +3s process curl": `"local":{"process":"curl","pid":4711,"uid":1000,"user":"ann","match":"exact"}`,
		"--at +3s user ann":     `"id":7`,
		"container web":         `"local":{"container":"web","pod":"shop/web-0","match":"address"}`,
		"pod shop/* and udp":    `"id":8`,
		"process curl":          "", // it has ended
	} {
		got := clitest.Run(t.Context(), NewList, "", append([]string{"--from", path, "-o", "jsonl"}, strings.Fields(args)...)...)
		if got.Err != nil || !strings.Contains(got.Stdout, want) || (got.Stdout == "") != (want == "") {
			t.Errorf("%s: %v, %s%s, want %s", args, got.Err, got.Stdout, got.Stderr, want)
		}
	}
}
