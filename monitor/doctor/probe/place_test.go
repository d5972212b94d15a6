//go:build linux

package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/monitor/doctor"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// A command reaches a namespace by its name, or by the open file if it has none.
func TestPlace(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	ns := g.Namespace()
	place := func(sudo bool) doctor.Place {
		n, err := netns.Identify(ns.FD())
		if err != nil {
			t.Fatal(err)
		}
		return (&Places{Sudo: sudo}).Of(n)
	}
	if got, want := place(false).Enter(), fmt.Sprintf("nsenter --net=/proc/%d/fd/%d ", os.Getpid(), ns.FD()); got != want {
		t.Errorf("without a name: %q, want %q", got, want)
	}
	if os.Geteuid() != 0 || !labtest.InitialUserNS() {
		t.Skip("only root of the host can name a namespace")
	}
	name := fmt.Sprintf("natlens-place-%d", os.Getpid())
	at := filepath.Join(netns.Dir, name)
	if err := os.MkdirAll(netns.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(at) })
	if err := unix.Mount(ns.Path(), at, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := place(true)
	if got, want := p.Enter(), "sudo ip netns exec "+name+" "; got != want {
		t.Errorf("with a name: %q, want %q", got, want)
	}
	if got, want := p.Natlens("list", "tcp dport 1"), "sudo natlens list --netns "+name+" 'tcp dport 1'"; got != want {
		t.Errorf("natlens: %q, want %q", got, want)
	}
}
