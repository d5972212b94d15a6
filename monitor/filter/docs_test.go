package filter

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/filters.md shows what filters select among the samples. Its code blocks
// are run, by their kind.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for _, m := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		kind, block := m[1], strings.TrimRight(m[2], "\n")
		if kind == "error" {
			text, _, _ := strings.Cut(block, "\n")
			_, err := Parse(text)
			if e, ok := err.(*Error); !ok || caret(e) != block {
				t.Errorf("%s\nsays %v", block, err)
			}
			ran[kind]++
			continue
		}
		for _, line := range strings.Split(block, "\n") {
			docsLine(t, kind, line)
			ran[kind]++
		}
	}
	for kind, atLeast := range map[string]int{"sh": 4, "filter": 80, "flags": 15, "error": 5, "split": 4} {
		if ran[kind] < atLeast {
			t.Errorf("%d examples in blocks of %s, there were %d", ran[kind], kind, atLeast)
		}
	}
	for _, s := range samples {
		if !strings.Contains(string(page), "| `"+s.name+"` | "+s.Kind.String()+" |") {
			t.Errorf("the sample %s (%s) is not in the table", s.name, s.Kind)
		}
	}
	for f := range fieldByName {
		if !regexp.MustCompile("`"+regexp.QuoteMeta(f)+"[` ]").Match(page) && f != "protonum" &&
			!strings.HasSuffix(f, "key") &&
			f != "orig.vtag" {
			t.Errorf("the field %s is not described", f)
		}
	}
}

// docsLine runs one line of a block: an example, "=>" and what comes of it.
func docsLine(t *testing.T, kind, line string) {
	text, want, _ := strings.Cut(line, "=>")
	text, want = strings.TrimSpace(text), strings.TrimSpace(want)
	switch kind {
	case "filter":
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := matching(e); got != want {
			t.Errorf("%s selects\n     %s\nthe page says\n     %s", text, got, want)
		}
	case "flags":
		s, rest, err := fromArgs(Env{}, strings.Fields(text))
		if err != nil || len(rest) > 0 {
			t.Errorf("%s: %v, leaves %v", text, err, rest)
		} else if got := matching(AllOf(s.Expr, s.Kinds.Expr())); got != want {
			t.Errorf("%s selects\n     %s\nthe page says\n     %s", text, got, want)
		}
	case "split":
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		pushed, rest := Split(e, false)
		if got := pushed.String() + " | " + rest.String(); got != want {
			t.Errorf("%s is split into\n     %s\nthe page says\n     %s", text, got, want)
		}
	case "sh":
		args := strings.Fields(strings.ReplaceAll(line, "'", ""))
		s, rest, err := fromArgs(Env{}, args)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		words, err := Parse(strings.Join(rest[2:], " "))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		if x := AllOf(s.Expr, words).String(); x == "true" {
			t.Errorf("%s means %s", line, x)
		}
	}
}
