//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// emptyNS returns a namespace whose table is empty.
func emptyNS(t *testing.T) *lab.Namespace {
	t.Helper()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g.Namespace()
}

func openService(t *testing.T, ns *lab.Namespace) *Service {
	t.Helper()
	s, err := OpenService(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func tuple(p monitor.Proto, src, dst string, sport, dport uint16) monitor.Tuple {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	t := monitor.Tuple{Src: monitor.AddrFrom(s), Dst: monitor.AddrFrom(d), SrcPort: sport, DstPort: dport, Proto: p,
		Family: monitor.IPv4}
	if !s.Is4() {
		t.Family = monitor.IPv6
	}
	return t
}

// flowOf is a flow without NAT.
func flowOf(p monitor.Proto, src, dst string, sport, dport uint16) monitor.Flow {
	f := monitor.Flow{Orig: tuple(p, src, dst, sport, dport), Reply: tuple(p, dst, src, dport, sport)}
	switch p {
	case monitor.ICMP:
		f.Orig.SetICMP(sport, 8, 0)
		f.Reply.SetICMP(sport, 0, 0)
	case monitor.ICMPv6:
		f.Orig.SetICMP(sport, 128, 0)
		f.Reply.SetICMP(sport, 129, 0)
	}
	return f
}

func ptr[T any](v T) *T { return &v }

// get returns the flow as the kernel has it.
func get(t *testing.T, s *Service, f *monitor.Flow) monitor.Event {
	t.Helper()
	var b monitor.Batch
	if err := s.Get(t.Context(), f, &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Events) != 1 {
		t.Fatalf("%d events", len(b.Events))
	}
	return b.Events[0]
}

func TestServiceLife(t *testing.T) {
	s := openService(t, emptyNS(t))
	ctx := t.Context()
	f := flowOf(monitor.TCP, "192.0.2.1", "198.51.100.2", 4444, 443)
	f.Reply.Dst = monitor.AddrFrom(netip.MustParseAddr("203.0.113.1"))
	c := Change{Timeout: ptr(uint32(1000)), Mark: ptr(uint32(7)), Status: ptr(monitor.Assured | monitor.SeenReply),
		Proto: &ProtoInfo{Proto: monitor.TCP, State: monitor.TCPEstablished}}
	if err := s.Create(ctx, &f, &c); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, &f, &c); !errors.Is(err, ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	e := get(t, s, &f)
	want := monitor.Flow{Orig: f.Orig, Reply: f.Reply, ID: e.Flow.ID, Use: e.Flow.Use, Timeout: e.Flow.Timeout,
		TCP:    e.Flow.TCP,
		Status: monitor.Assured | monitor.SeenReply | monitor.Confirmed, Mark: 7, State: monitor.TCPEstablished}
	if e.Kind != monitor.KindExisting || e.Flow != want {
		t.Errorf("-want +got\n%s", cmp.Diff(want, e.Flow))
	}
	if byReply := get(t, s, &monitor.Flow{Reply: f.Reply}); byReply.Flow.ID != e.Flow.ID {
		t.Errorf("by the reply tuple: %+v", byReply.Flow)
	}

	if err := s.Update(ctx, &f, &Change{Mark: ptr(uint32(9)), Timeout: ptr(uint32(5000))}); err != nil {
		t.Fatal(err)
	}
	if now := get(t, s, &f); now.Flow.Mark != 9 || now.Flow.Timeout < 4000 || now.Flow.State != monitor.TCPEstablished {
		t.Errorf("after an update: %+v", now.Flow)
	}

	other := TargetOf(&e.Flow, e.Has)
	other.ID++
	deleted, gone, err := s.Delete(ctx, []Target{other}, nil)
	if deleted != 0 || gone != 1 || err != nil {
		t.Errorf("with another id: %d deleted, %d gone, %v", deleted, gone, err)
	}
	deleted, gone, err = s.Delete(ctx, []Target{TargetOf(&e.Flow, e.Has), TargetOf(&e.Flow, e.Has)}, nil)
	if deleted != 1 || gone != 1 || err != nil {
		t.Errorf("twice: %d deleted, %d gone, %v", deleted, gone, err)
	}
	var b monitor.Batch
	if err := s.Get(ctx, &f, &b); !errors.Is(err, ErrNoFlow) {
		t.Errorf("get after delete: %v", err)
	}
	if err := s.Update(ctx, &f, &c); !errors.Is(err, ErrNoFlow) {
		t.Errorf("update after delete: %v", err)
	}
}

// TestServiceDeletesMany: more flows than go to the kernel at once, some of them
// gone, and nothing else is deleted.
// TestServiceSaysWhy expects more than the kernel's number of what it refuses to change.
func TestServiceSaysWhy(t *testing.T) {
	s := openService(t, emptyNS(t))
	ctx := t.Context()
	f := flowOf(monitor.UDP, "192.0.2.1", "198.51.100.2", 4444, 443)
	if err := s.Create(ctx, &f, &Change{Timeout: ptr(uint32(1000))}); err != nil {
		t.Fatal(err)
	}
	golden.Words(t, "labels", s.Update(ctx, &f, &Change{Labels: make([]byte, 16)}))
	golden.Words(t, "expected", s.Update(ctx, &f, &Change{Status: ptr(monitor.Expected)}))
}

func TestServiceDeletesMany(t *testing.T) {
	s := openService(t, emptyNS(t))
	ctx := t.Context()
	var targets []Target
	var missed []int
	for i := range 3*deleteBurst + 17 {
		f := flowOf(monitor.UDP, "192.0.2.1", "198.51.100.2", uint16(1000+i), 53)
		if i%5 != 0 {
			if err := s.Create(ctx, &f, &Change{Timeout: ptr(uint32(100))}); err != nil {
				t.Fatal(err)
			}
		}
		targets = append(targets, TargetOf(&f, 0))
	}
	stays := flowOf(monitor.UDP, "192.0.2.2", "198.51.100.2", 1000, 53)
	if err := s.Create(ctx, &stays, &Change{Timeout: ptr(uint32(100))}); err != nil {
		t.Fatal(err)
	}
	missing := (len(targets) + 4) / 5
	deleted, gone, err := s.Delete(ctx, targets, func(i int) { missed = append(missed, i) })
	if deleted != len(targets)-missing || gone != missing || err != nil {
		t.Errorf("%d deleted, %d gone, %v; want %d, %d", deleted, gone, err, len(targets)-missing, missing)
	}
	if len(missed) != missing || slices.ContainsFunc(missed, func(i int) bool { return i%5 != 0 }) {
		t.Errorf("gone: %v", missed)
	}
	if fill, err := s.Fill(ctx); fill.Entries != 1 || fill.Max == 0 || err != nil {
		t.Errorf("left: %+v, %v", fill, err)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if fill, err := s.Fill(ctx); fill.Entries != 0 || err != nil {
		t.Errorf("after a flush: %+v, %v", fill, err)
	}
}

// TestServiceZones: a flow is found by its zone, in whatever direction that is.
func TestServiceZones(t *testing.T) {
	s := openService(t, emptyNS(t))
	ctx := t.Context()
	ids := map[uint32]string{}
	flows := []monitor.Flow{}
	for _, zones := range [][2]uint16{{0, 0}, {5, 5}, {6, 0}, {0, 7}} {
		f := flowOf(monitor.UDP, "192.0.2.1", "198.51.100.2", 1, 2)
		if zones == [2]uint16{0, 7} { // original tuples of zone 0 are one
			f = flowOf(monitor.UDP, "192.0.2.1", "198.51.100.2", 3, 4)
		}
		f.Orig.Zone, f.Reply.Zone = zones[0], zones[1]
		name := fmt.Sprint(zones)
		if zones == [2]uint16{6, 0} { // as are reply tuples
			f.Reply.DstPort = 9
		}
		if err := s.Create(ctx, &f, &Change{Timeout: ptr(uint32(100))}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e := get(t, s, &f)
		if e.Flow.Orig != f.Orig || e.Flow.Reply != f.Reply {
			t.Errorf("%s: got %+v", name, e.Flow)
		}
		if other, twice := ids[e.Flow.ID]; twice {
			t.Errorf("%s is %s", name, other)
		}
		ids[e.Flow.ID] = name
		flows = append(flows, f)
	}
	for i := range flows {
		if deleted, _, err := s.Delete(ctx, []Target{TargetOf(&flows[i], 0)}, nil); deleted != 1 || err != nil {
			t.Errorf("%+v: %d deleted, %v", flows[i], deleted, err)
		}
	}
}

func TestServiceStats(t *testing.T) {
	s := openService(t, emptyNS(t))
	f := flowOf(monitor.UDP, "192.0.2.1", "198.51.100.2", 1, 2)
	if err := s.Create(t.Context(), &f, &Change{Timeout: ptr(uint32(100))}); err != nil {
		t.Fatal(err)
	}
	all, err := s.CPUStats(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatalf("%d CPUs, %v", len(all), err)
	}
	inserted := uint32(0)
	for i := range all {
		inserted += all[i].Counters["insert"]
		for _, k := range []string{"found", "invalid", "insert_failed", "early_drop"} {
			if _, ok := all[i].Counters[k]; !ok {
				t.Errorf("cpu %d: no %v", all[i].CPU, k)
			}
		}
	}
	if inserted != 1 {
		t.Errorf("%d inserted", inserted)
	}
	if expect, err := s.ExpectStats(t.Context()); err != nil || len(expect) != len(all) {
		t.Errorf("%d CPUs with expectations, %v", len(expect), err)
	}
}

func TestSysctls(t *testing.T) {
	ns := emptyNS(t)
	if err := ns.WriteSysctl("net.netfilter.nf_conntrack_udp_timeout", "17"); err != nil {
		t.Fatal(err)
	}
	all, err := Sysctls(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	if all["udp_timeout"] != 17 {
		t.Errorf("udp_timeout is not 17: %v", all)
	}
}

func TestServiceEnds(t *testing.T) {
	s := openService(t, emptyNS(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Fill(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	s.Close()
	if _, err := s.Fill(t.Context()); err == nil {
		t.Error("a closed service answers")
	}
}
