package findings

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"natlens/monitor"
)

// TestDocs holds the tables of docs/findings.md to the rules and the limits.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| rule | severity | what it finds | what it usually comes of |\n| --- | --- | --- | --- |\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.ID, r.Severity, r.Title, r.Why)
	}
	b.WriteString("--\n| limit | default | counts | why |\n| --- | --- | --- | --- |\n")
	for _, l := range AllLimits() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", l.Name, l.Text(l.Default), l.Means, l.Reason)
	}
	for table := range strings.SplitSeq(b.String(), "--\n") {
		if !strings.Contains(table, "|\n|") {
			continue
		}
		if !strings.Contains(string(page), "\n\n"+table) {
			t.Errorf("docs/findings.md should have\n\n%s", table)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"syn-unanswered=7", "7"},
		{"snat-ports=90%", "90%"},
		{"snat-ports=90", "90%"},
		{"syn-age=1500ms", "1.5s"},
		{"idle-age=2h", "2h"},
		{"window=1m", "1m"},
		{"many-flows=0.5", "0.5"},
		{"syn-age=3", `syn-age: "3" is no time above 0, such as 3s`},
		{"syn-age=-3s", `syn-age: "-3s" is no time above 0, such as 3s`},
		{"syn-unanswered=0", `syn-unanswered: "0" is no number of flows above 0, such as 20`},
		{"syn-unanswered=many", `syn-unanswered: "many" is no number of flows above 0, such as 20`},
		{"syn-unanswered=NaN", `syn-unanswered: "NaN" is no number of flows above 0, such as 20`},
		{"snat-ports=101%", `snat-ports: "101%" is no number of % above 0, such as 80%`},
		{"syn=1", `there is no limit "syn"`},
	} {
		l := DefaultLimits()
		name, value, _ := strings.Cut(c.set, "=")
		got := ""
		if err := l.Set(name, value); err != nil {
			got = err.Error()
		} else {
			for i := range limits {
				if limits[i].Name == name {
					got = limits[i].Text(l[i])
				}
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.set, got, c.want)
		}
	}
}

// TestRules expects all rules and limits to be named, each once.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if r.ID == "" || r.Title == "" || r.Why == "" || seen[r.ID] || r.Severity > monitor.SeverityFail {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = true
	}
	clear(seen)
	for _, l := range AllLimits() {
		if l.Name == "" || l.Default <= 0 || l.Unit == "" || l.Means == "" || l.Reason == "" || seen[l.Name] {
			t.Errorf("%+v", l)
		}
		seen[l.Name] = true
	}
}
