//go:build linux

package labtest

import (
	"fmt"
	"os"
	"testing"

	"natlens/monitor/lab"
)

// Main is TestMain of a package whose tests use a lab: it calls [lab.Enter], runs the tests
// and exits. It does not return.
func Main(m *testing.M) {
	if err := lab.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// New builds a lab with counters, timestamps, helpers and the kernel's own timeouts. It
// is closed when the test ends. Labs are independent: tests with a lab each may run in
// parallel.
func New(t testing.TB) *lab.Lab {
	t.Helper()
	return NewWith(t, lab.Config{Acct: true, Timestamp: true, Helpers: true})
}

// NewWith is New with a configuration.
func NewWith(t testing.TB, cfg lab.Config) *lab.Lab {
	t.Helper()
	l, err := lab.Build(t.Context(), cfg)
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

// InitialUserNS reports whether the process runs in the initial user namespace. BPF
// programs, forced socket buffers and nf_conntrack_max need that, and the capability.
func InitialUserNS() bool {
	// PROC_USER_INIT_INO of include/linux/proc_ns.h.
	const initial = "user:[4026531837]"
	link, err := os.Readlink("/proc/self/ns/user")
	return err == nil && link == initial
}
