package csv

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"natlens/monitor"
)

func TestCSVText(t *testing.T) {
	for in, want := range map[string]string{
		"":               "",
		"ftp":            "ftp",
		"a,b":            `"a,b"`,
		`say "x"`:        `"say ""x"""`,
		`"`:              `""""`,
		"a\nb":           `a\nb`,
		"=1+1":           "'=1+1",
		`=HYPERLINK("x"`: `"'=HYPERLINK(""x"""`,
		"+1":             "'+1",
		"-1":             "'-1",
		"@SUM(A1)":       "'@SUM(A1)",
		" =1":            `"' =1"`,
		"a=1":            "a=1",
	} {
		if got := foreign(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// FuzzCSVText reads each cell back: it is one cell of one line, holds the escaped
// text, and no spreadsheet computes it.
func FuzzCSVText(f *testing.F) {
	for _, s := range []string{"", "ftp", "a,b", `"`, "=1", "\n=1", " -1", "a\x1b[31m\"b\\c\xffé\u202e"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		line := []byte("x," + foreign(string(in)) + ",y\n")
		r := csv.NewReader(bytes.NewReader(line))
		row, err := r.Read()
		if err != nil || len(row) != 3 {
			t.Fatalf("%q: %q, %v", line, row, err)
		}
		if _, err := r.Read(); err != io.EOF {
			t.Fatalf("%q is more than a line", line)
		}
		cell := row[1]
		if strings.TrimPrefix(cell, "'") != strings.TrimPrefix(monitor.Escape(string(in)), "'") {
			t.Fatalf("%q became %q", in, cell)
		}
		if bare := strings.TrimLeft(cell, " "); bare != "" && strings.ContainsRune("=+-@", rune(bare[0])) {
			t.Fatalf("%q is a formula", cell)
		}
	})
}
