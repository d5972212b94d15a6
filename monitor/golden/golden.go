// Package golden compares what a test got with files of its package's testdata.
//
//	go test ./monitor/filter -update
//
// writes the files of one package, and make golden those of all packages. Read the difference before you commit it.
package golden

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Update is the flag -update: tests write golden files instead of comparing with them.
var Update = flag.Bool("update", false, "write the golden files")

// File compares got with testdata/name, byte for byte.
func File[T string | []byte](t testing.TB, name string, got T) {
	t.Helper()
	compare(t, name, string(got), *Update)
}

// Fixed is File for output that never changes because programs read it: -update writes only a missing file.
func Fixed[T string | []byte](t testing.TB, name string, got T) {
	t.Helper()
	_, err := os.Stat(filepath.Join("testdata", name))
	compare(t, name, string(got), *Update && errors.Is(err, fs.ErrNotExist))
}

func compare(t testing.TB, name, got string, write bool) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if write {
		store(t, path, got)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
}

// store writes a file and makes its directory.
func store(t testing.TB, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}
