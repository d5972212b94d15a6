//go:build linux

package annotate_test

import (
	"io"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"

	"natlens/monitor"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/live"
)

// track turns on connection tracking for what begins and ends in a namespace.
func track(t *testing.T, at *lab.Namespace) {
	t.Helper()
	err := at.NFT(func(c *nftables.Conn) error {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "track"})
		in := lab.Chain(c, table, nftables.ChainTypeFilter, "input", nftables.ChainHookInput, nftables.ChainPriorityFilter)
		c.AddRule(lab.Rule(in, lab.CtNew(), lab.Accept()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inode identifies a namespace.
func inode(t *testing.T, at *lab.Namespace) uint64 {
	t.Helper()
	info, err := os.Stat(at.Path())
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// Three processes in two containers, each with its own network namespace and cgroup, have
// 1,000 connections of 200 ms. Two of them connect to a server behind the gateway, one to the
// other container, so that both containers and the gateway have a flow with the same addresses.
// At least 99 of 100 are joined to the right process in the container's namespace, all to the
// right container on the gateway, and none to a wrong one.
func TestProcessesInNamespaces(t *testing.T) {
	mostly(t, inNamespaces)
}

// inNamespaces returns the number of views of flows, and how many have the process, or the
// container in the gateway's namespace.
func inNamespaces(t *testing.T, long time.Duration) (got, right int) {
	const count = 334
	l := labtest.New(t)
	one, two := cgroup(t, "docker-"+idOne), cgroup(t, "libpod-"+idTwo)
	track(t, l.Client)
	track(t, l.Client2)
	server := netip.AddrPortFrom(lab.ServerIP, 7000)
	far, err := l.Server.ListenTCP(server)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	go hold(far)
	near := netip.AddrPortFrom(lab.ClientIP, 7001)
	delta := start(t, l.Client, one, idOne, "delta serve "+near.String())
	dial := func(at *lab.Namespace, group *os.File, id, name string, to netip.AddrPort, from netip.Addr,
		first uint16) *member {
		return start(t, at, group, id, dialRole(name, to, netip.AddrPortFrom(from, first), count, long))
	}
	alpha := dial(l.Client, one, idOne, "alpha", server, lab.ClientIP, 20000)
	beta := dial(l.Client2, two, idTwo, "beta", server, lab.Client2IP, 30000)
	gamma := dial(l.Client2, two, idTwo, "gamma", near, lab.Client2IP, 40000)
	dialers := []*member{alpha, beta, gamma}

	start(t, l.Gateway, nil, "", "host serve 127.0.0.1:1") // without a process the namespace is not found

	names := new(monitor.Namespaces)
	in := map[uint64]*lab.Namespace{}
	for _, at := range []*lab.Namespace{l.Client, l.Client2, l.Gateway} {
		in[inode(t, at)] = at
	}
	o, stop := watchWith(t, live.Config{Names: names, Filter: func(e *monitor.Event) bool {
		p := e.Flow.Orig.DstPort
		return in[names.Get(e.NetNS()).Inode] != nil && (p == server.Port() || p == near.Port())
	}})
	for _, m := range dialers {
		if _, err := io.WriteString(m.stdin, "go\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range dialers {
		if err := m.cmd.Wait(); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
	}
	// Each flow is seen by the gateway and the dialling container; those of gamma by the other, too.
	labtest.WaitFor(t, "every flow", func() bool { return o.flows() >= 7*count })
	stop()
	for flow, got := range o.of {
		from, at := dialers[flow.port/10000-2], in[names.Get(flow.ns).Inode]
		want := monitor.Local{Container: from.box, Match: monitor.MatchAddress}
		if at != l.Gateway {
			who := from
			if at == l.Client && from == gamma {
				who = delta // it accepts, or still listens
			}
			want = monitor.Local{Process: who.name, PID: who.pid, User: "root", Container: who.box, Match: monitor.MatchExact}
			if got != nil && got.Match == monitor.MatchListener && who == delta {
				want.Match = monitor.MatchListener
			}
			if got != nil && got.PID == 0 { // the process has closed the socket
				want.Process, want.PID, want.User = "", 0, got.User
			}
		}
		switch {
		case got != nil && *got != want, got == nil && at == l.Gateway:
			t.Errorf("%s in %s, port %d: %+v, want %+v", from.name, at.Name(), flow.port, got, want)
		case got != nil && (got.PID != 0 || at == l.Gateway):
			right++
		}
	}
	return len(o.of), right
}
