//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
)

// TB is the part of testing.TB that New needs. It stands here so that a
// program with a lab in it does not link package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Main is all that TestMain has to do in a package whose tests use a lab:
// Enter, then the tests, then exit. It does not return.
func Main(m interface{ Run() int }) {
	if err := Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// New builds a lab with counters, timestamps and the FTP helper on and the
// kernel's own timeouts, and closes it when the test ends. Labs don't see each
// other: tests that have one each may run in parallel.
func New(t TB) *Lab {
	t.Helper()
	return NewWith(t, Config{Acct: true, Timestamp: true, Helpers: true})
}

// NewWith is New with a configuration.
func NewWith(t TB, cfg Config) *Lab {
	t.Helper()
	l, err := Build(context.Background(), cfg)
	if err != nil {
		t.Fatalf("build lab: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return l
}
