//go:build linux

package kernel

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
)

// readDump reads a dump to its end and returns the flows that are wanted, by
// their ids, and how many came.
func readDump(t *testing.T, cfg DumpConfig, wanted monitor.Filter) (ids []uint32, came int) {
	t.Helper()
	d, err := DumpWith(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var b monitor.Batch
	for {
		b.Reset()
		err := d.Next(t.Context(), &b)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for i := range b.Events {
			e := &b.Events[i]
			if e.Kind != monitor.KindExisting || e.TimeSource != monitor.TimeReceived || e.Time == 0 {
				t.Fatalf("event %+v", e)
			}
			came++
			if wanted == nil || wanted(e) {
				ids = append(ids, e.Flow.ID)
			}
		}
		if err != nil {
			slices.Sort(ids)
			return ids, came
		}
	}
}

// variety fills a table with flows of each protocol and family, and with marks,
// zones and states.
func variety(t *testing.T, ns *lab.Namespace) (made int) {
	t.Helper()
	s := openService(t, ns)
	for _, p := range append(slices.Clone(monitor.Protos), 253) {
		for i := range 24 {
			from, to := "192.0.2.1", "198.51.100.2"
			if i%2 == 1 {
				to = "198.51.100.3"
			}
			if i%3 == 2 {
				from, to = "2001:db8::1", "2001:db8::2"
			}
			if p == monitor.ICMP && i%3 == 2 || p == monitor.ICMPv6 && i%3 != 2 || p == monitor.DCCP || p == 253 && i > 2 {
				continue // no such flows; or no more than these, for want of ports
			}
			f := flowOf(p, from, to, uint16(1000+i), uint16(50+i%4))
			if p == 253 {
				f = flowOf(p, from, to, 0, 0)
			}
			zone := uint16(i % 5)
			switch {
			case i%4 == 1:
				f.Orig.Zone, f.Reply.Zone = zone, zone
			case i%4 == 2:
				f.Orig.Zone = zone
			case i%4 == 3:
				f.Reply.Zone = zone
			}
			c := Change{Timeout: ptr(uint32(1000)), Mark: ptr(uint32(i % 8))}
			if i%2 == 0 {
				c.Status = ptr(monitor.SeenReply | []monitor.Status{0, monitor.Assured}[i/2%2])
			}
			if err := s.Create(t.Context(), &f, &c); err != nil {
				t.Fatalf("%+v: %v", f, err)
			}
			made++
		}
	}
	return made
}

// TestDumpPush: with a filter that the kernel applies as far as it can the same
// flows come as without; where it can do all of it, no others.
func TestDumpPush(t *testing.T) {
	ns := emptyNS(t)
	made := variety(t, ns)
	if _, came := readDump(t, DumpConfig{NetNS: ns.FD()}, nil); came != made {
		t.Fatalf("%d flows of %d", came, made)
	}
	const (
		whole = iota // the kernel can apply all of it
		part         // less comes
		none         // nothing can be pushed
	)
	for _, c := range []struct {
		text string
		push int
	}{
		{"ipv4", whole}, {"ipv6", whole}, {"mark 3", whole}, {"mark 0", whole}, {"mark & 0x3 == 1", whole},
		{"assured", whole}, {"seen_reply and not assured", part}, {"zone 3", part}, {"orig.zone 2", part}, {"reply.zone 1",
			part},
		{"zone 0", none}, {"orig.zone 0", none}, {"tcp", none}, {"tcp dport 51", none},
		{"ipv4 and tcp", whole}, {"ipv4 and tcp dport 51", whole}, {"ipv6 and udp sport 1002", whole},
		{"ipv4 and sctp dport 51", part},
		{"ipv4 and gre", whole}, {"ipv4 and proto 253", whole}, {"ipv4 and icmp", whole},
		{"src 192.0.2.1", whole}, {"src 192.0.2.1 and dst 198.51.100.3", whole}, {"dst 198.51.100.3 and udp", whole},
		{"src 2001:db8::1", part}, {"src 192.0.2.0/24", part}, {"dst 0.0.0.0/0", whole},
		{"reply.src 198.51.100.2 and reply.sport 50 and udp", whole}, {"reply.dst 192.0.2.1", whole},
		{"reply.src 198.51.100.2 and src 192.0.2.1 and tcp and mark 4", whole},
		{"src 192.0.2.1 and dst 2001:db8::2", part}, {"mark 1 and mark 2", part},
		{"tcp or udp", none}, {"not ipv4", none}, {"mark != 3", none}, {"timeout > 10s", none}, {"snat", none},
		{"ipv4 and (tcp or udp) and dport 51", part}, {"host 192.0.2.1", none},
	} {
		e, err := filter.Parse(c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		wanted := filter.Compile(e, filter.Env{})
		want, _ := readDump(t, DumpConfig{NetNS: ns.FD()}, wanted)
		got, came := readDump(t, DumpConfig{NetNS: ns.FD(), Push: e}, wanted)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.text, diff)
		}
		switch {
		case c.push == whole && came != len(want):
			t.Errorf("%s: %d came, %d are wanted", c.text, came, len(want))
		case c.push == part && came >= made:
			t.Errorf("%s: all of the %d came", c.text, came)
		case c.push == none && came != made:
			t.Errorf("%s: %d of %d came", c.text, came, made)
		}
	}
}

// TestDumpOfOtherTables: nothing is dying or unconfirmed.
func TestDumpOfOtherTables(t *testing.T) {
	ns := emptyNS(t)
	variety(t, ns)
	for _, table := range []Table{Dying, Unconfirmed} {
		if _, came := readDump(t, DumpConfig{NetNS: ns.FD(), Table: table}, nil); came != 0 {
			t.Errorf("table %d has %d flows", table, came)
		}
	}
}

// TestDumpEnds: a dump that is closed, or whose context has ended, says so.
func TestDumpEnds(t *testing.T) {
	ns := emptyNS(t)
	variety(t, ns)
	ctx, cancel := context.WithCancel(t.Context())
	d, err := Dump(ctx, ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	var b monitor.Batch
	if err := d.Next(ctx, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	d.Close()
	d.Close()
	if err := d.Next(t.Context(), &b); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a closed dump: %v", err)
	}
}

// TestDumpAllocates: a dump takes no memory for each flow.
func TestDumpAllocates(t *testing.T) {
	ns := emptyNS(t)
	s := openService(t, ns)
	for i := range 2000 {
		f := flowOf(monitor.UDP, "192.0.2.1", "198.51.100.2", uint16(1000+i), 53)
		if err := s.Create(t.Context(), &f, &Change{Timeout: ptr(uint32(1000))}); err != nil {
			t.Fatal(err)
		}
	}
	least := math.Inf(1)
	for range 3 { // goroutines of other tests may allocate meanwhile
		d, err := Dump(t.Context(), ns.FD())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		var b monitor.Batch
		read := func() {
			b.Reset()
			if err := d.Next(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
		}
		read()
		least = min(least, testing.AllocsPerRun(5, read))
	}
	if least > 0 {
		t.Errorf("%v allocations a read", least)
	}
}
