//go:build linux

package main

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
)

// With --mmdb, lines have places and filters select them. The file knows 203.0.113.0/24 and 198.51.100.0/24.
func TestPlaces(t *testing.T) {
	const recording = "watch/testdata/life.jsonl"
	const berlin = `,"place":{"dst":{"country":"DE","city":"Berlin","as":3320,"org":"Deutsche Telekom AG"}}}`
	for words, want := range map[string]int{
		"country de": 4, "src country de": 0, "dst as 3320 and tcp": 3, "city berlin udp": 1, "not country us": 4,
	} {
		args := append([]string{"watch", "--quiet", "--from", recording, "-o", "jsonl", "--mmdb", "testdata/places.mmdb"},
			strings.Fields(words)...)
		c := call(t.Context(), cli.Console{}, args...)
		out := c.stdout.String()
		if strings.Count(out, "\n") != want || strings.Count(out, berlin+"\n") != want || c.code != 0 {
			t.Errorf("%s: %d lines, exit code %d; want %d with %s\n%s%s", words, strings.Count(out, "\n"), c.code, want,
				berlin, out, c.stderr.String())
		}
	}
	for _, args := range []string{"list country de", "top --by country,host", "list --mmdb testdata/none.mmdb",
		"list --mmdb testdata/exitcodes.txt"} {
		golden.Words(t, args, call(t.Context(), cli.Console{}, strings.Fields(args)...).stderr.String())
	}
	c := call(t.Context(), cli.Console{}, "top", "--from", recording, "--at", "2026-11-22T06:12:06Z", "-o", "json", "--by",
		"country,as", "--mmdb", "testdata/places.mmdb", "--sort", "flows")
	const want = `"groups":[{"key":{"as":"AS3320 Deutsche Telekom AG","country":"DE"},"flows":2}]}`
	if !strings.HasSuffix(c.stdout.String(), want+"\n") {
		t.Errorf("%s%s does not end with %s", c.stdout.String(), c.stderr.String(), want)
	}
}
