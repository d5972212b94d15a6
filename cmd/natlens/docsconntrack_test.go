//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestConntrackDocs holds docs/conntrack.md to each option of
// conntrack(8)'s man page.
func TestConntrackDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(moduleTop, "docs/conntrack.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range append(everyFlag, "--label", "--label-add", "--label-del", "--labelmap") {
		for _, name := range regexp.MustCompile(`--[a-z][a-z0-9-]+`).FindAllString(flag, -1) {
			group := regexp.MustCompile(`^(--(?:tuple|mask)-(?:port|key)-|--icmpv6-).*`).ReplaceAllString(name, "$1")
			if name != "--frobnicate" && !regexp.MustCompile(regexp.QuoteMeta(group)+`([^a-z0-9-]|…|$)`).Match(page) {
				t.Errorf("docs/conntrack.md does not name %s", name)
			}
		}
	}
}
