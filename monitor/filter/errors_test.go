package filter

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// testdata/errors holds, one after the other and parted by empty lines, what
// Caret says of wrong filters: the filter itself, and the complaint under its
// column.
func TestErrors(t *testing.T) {
	golden, err := os.ReadFile("testdata/errors")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range strings.Split(strings.TrimRight(string(golden), "\n"), "\n\n") {
		text, _, _ := strings.Cut(want, "\n")
		_, err := Parse(text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", text)
			continue
		}
		if got := e.Caret(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
