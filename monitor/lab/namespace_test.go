//go:build linux

package lab_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// here names the namespace of the calling thread.
func here(t *testing.T) string {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// TestDo enters, nests, and comes home in each way that a function can end.
func TestDo(t *testing.T) {
	t.Parallel()
	outer, err := lab.NewNamespace("outer")
	if err != nil {
		t.Fatal(err)
	}
	inner, err := lab.NewNamespace("inner")
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home := here(t)

	var inOuter, inInner, backInOuter string
	refusal := errors.New("refusal")
	err = outer.Do(func() error {
		inOuter = here(t)
		err := inner.Do(func() error { inInner = here(t); return refusal })
		backInOuter = here(t)
		return err
	})
	if !errors.Is(err, refusal) {
		t.Errorf("error %v", err)
	}
	if inOuter == home || inInner == home || inInner == inOuter || backInOuter != inOuter || here(t) != home {
		t.Errorf("went %s, %s, %s, %s, %s", home, inOuter, inInner, backInOuter, here(t))
	}

	link, err := os.Stat(outer.Path())
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.Stat(fmt.Sprint("/proc/self/fd/", outer.FD()))
	if err != nil || !os.SameFile(link, held) {
		t.Errorf("%s is another file, %v", outer.Path(), err)
	}
	if err := errors.Join(outer.Close(), inner.Close()); err != nil {
		t.Error(err)
	}
	if err := outer.Do(func() error { return nil }); err == nil {
		t.Error("a closed namespace was entered")
	}
	if got := here(t); got != home {
		t.Errorf("after a refused entry in %s, not %s", got, home)
	}
}

func TestSysctl(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(
		t,
		lab.Config{ShortTimeouts: true, Sysctls: map[string]string{"net.netfilter.nf_conntrack_events": "1"}},
	)
	for name, want := range map[string]string{
		"net.ipv4.ip_forward":                              "1",
		"net.netfilter.nf_conntrack_acct":                  "0",
		"net.netfilter.nf_conntrack_timestamp":             "0",
		"net.netfilter.nf_conntrack_events":                "1",
		"net.netfilter.nf_conntrack_tcp_timeout_time_wait": "3",
	} {
		if got, err := l.Gateway.ReadSysctl(name); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := lab.Build(t.Context(), lab.Config{Sysctls: map[string]string{"net.no_such_thing": "1"}}); !errors.Is(err, netns.ErrNoSysctl) {
		t.Errorf("an unknown sysctl: %v", err)
	}
}
