package golden

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// other is a test that keeps its errors, and that ends by end.
type other struct {
	testing.TB
	name    string
	errs    []string
	cleanup []func()
}

func (*other) Helper()                     {}
func (o *other) Name() string              { return o.name }
func (*other) Skipped() bool               { return false }
func (o *other) Failed() bool              { return o.errs != nil }
func (o *other) Cleanup(f func())          { o.cleanup = append(o.cleanup, f) }
func (o *other) Errorf(f string, a ...any) { o.errs = append(o.errs, fmt.Sprintf(f, a...)) }

// words runs a test with keys and texts by turns, and returns its errors.
func words(t *testing.T, write bool, name string, keysTexts ...string) string {
	defer func(was bool) { *Update = was }(*Update)
	*Update = write
	o := &other{TB: t, name: name}
	for i := 0; i < len(keysTexts); i += 2 {
		Words(o, keysTexts[i], keysTexts[i+1])
	}
	for _, f := range o.cleanup {
		f()
	}
	return strings.Join(o.errs, "\n")
}

func TestWords(t *testing.T) {
	t.Chdir(t.TempDir())
	one, two := []string{"a b", "text\n", "c\nd", "two\n\n\x1b\tlines"}, []string{"", "# no key"}
	if err := words(t, false, "TestTwo", two...); !strings.Contains(err, "no key") {
		t.Error("without a file:", err)
	}
	words(t, true, "TestTwo", two...)
	words(t, true, "TestOne", "old", "old")
	words(t, true, "TestOne", one...)
	text, err := os.ReadFile("testdata/words.txt")
	if want := "# TestOne\na b\n\ttext\nc␊d\n\ttwo\n\t\n\t␛␉lines\n\n# TestTwo\n\t# no key\n"; string(text) != want || err != nil {
		t.Errorf("%v, got\n%s\nwant\n%s", err, text, want)
	}
	for _, name := range []string{"TestOne", "TestTwo"} {
		if err := words(t, false, name, map[string][]string{"TestOne": one, "TestTwo": two}[name]...); err != "" {
			t.Error(name, err)
		}
	}
	for _, bad := range [][]string{one[:2], {"a b", "other", "c\nd", "two\n\n\x1b\tlines\n\n"}, append(one, "more", "")} {
		if words(t, false, "TestOne", bad...) == "" {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestFile(t *testing.T) {
	t.Chdir(t.TempDir())
	defer func(was bool) { *Update = was }(*Update)
	o := &other{TB: t}
	*Update = true
	File(o, "a/file", "1")
	File(o, "a/file", "2")
	Fixed(o, "fixed", "1")
	if o.Failed() {
		t.Error(o.errs)
	}
	Fixed(o, "fixed", "2")
	*Update = false
	File(o, "a/file", "1")
	if len(o.errs) != 2 {
		t.Errorf("%q", o.errs)
	}
}
