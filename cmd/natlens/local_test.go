//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
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
		args = append([]string{"list", "--netns", l.Gateway.Path(), "-o", "jsonl", "sport", "20000"}, args...)
		c := call(t.Context(), cli.Console{}, args...)
		if c.code != 0 {
			t.Fatalf("code %d, %s", c.code, c.stderr.String())
		}
		return c.stdout.String()
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

// ownedLines are the flows of lifeLines: an update of the first one has its process, and the
// second one belongs to a container.
func ownedLines() string {
	lines := strings.SplitAfter(lifeLines, "\n")
	for line, local := range map[int]string{
		1: `{"process":"curl","pid":4711,"uid":1000,"user":"ann","match":"exact"}`,
		2: `{"container":"web","pod":"shop/web-0","match":"address"}`,
	} {
		lines[line] = strings.TrimSuffix(lines[line], "}\n") + `,"local":` + local + "}\n"
	}
	return strings.Join(lines, "")
}

// A list of a recording has the recorded processes and containers, and is filtered by them.
func TestListFromProcess(t *testing.T) {
	path := writeRecording(t, ownedLines())
	for _, c := range []struct {
		args string
		want string // parts of the lines
	}{
		{"--at +0s", `"id":7`},
		{"--at +0s process curl", ""},
		{"--at +3s process curl", `"local":{"process":"curl","pid":4711,"uid":1000,"user":"ann","match":"exact"}`},
		{"--at +3s user ann", `"id":7`},
		{"container web", `"local":{"container":"web","pod":"shop/web-0","match":"address"}`},
		{"pod shop/* and udp", `"id":8`},
		{"process curl", ""}, // it has ended
	} {
		args := append([]string{"list", "--from", path, "-o", "jsonl"}, strings.Fields(c.args)...)
		got := call(t.Context(), cli.Console{}, args...)
		if text := got.stdout.String(); got.code != 0 || !strings.Contains(text, c.want) || (text == "") != (c.want == "") {
			t.Errorf("%s: code %d, %s%s, want %s", c.args, got.code, text, got.stderr.String(), c.want)
		}
	}
}
