//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

func newGenerator(t *testing.T, cfg GeneratorConfig) *Generator {
	t.Helper()
	g, err := NewGenerator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func count(t *testing.T, g *Generator) int {
	t.Helper()
	s, err := g.Namespace().ReadSysctl("net.netfilter.nf_conntrack_count")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGenerate holds what Made says against the kernel's own count.
func TestGenerate(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, GeneratorConfig{})
	total := 0
	for _, tt := range []struct {
		name string
		cfg  GenConfig
		make func(context.Context, GenConfig) (Made, error)
		new  int
	}{
		{"none", GenConfig{}, g.Generate, 0},
		{"part of a batch", GenConfig{Flows: 7}, g.Generate, 7},
		{"the same again and more", GenConfig{Flows: 1000}, g.Generate, 993},
		{"another base, two sources", GenConfig{Flows: flowsPerSource + 100, Base: 253}, g.Generate, flowsPerSource + 100},
		{"at a rate", GenConfig{Flows: 500, Rate: 20_000, Base: 1}, g.Generate, 500},
		{"in its own process", GenConfig{Flows: 1001, Base: 2}, g.Spawn, 1001},
	} {
		made, err := tt.make(t.Context(), tt.cfg)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if made.Flows != tt.cfg.Flows || made.Refused != 0 || made.Elapsed <= 0 {
			t.Errorf("%s: made %+v of %d", tt.name, made, tt.cfg.Flows)
		}
		total += tt.new
		if got := count(t, g); got != total {
			t.Errorf("%s: the kernel counts %d flows, want %d", tt.name, got, total)
		}
	}
}

func TestGenerateRefusesNonsense(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, GeneratorConfig{})
	for _, cfg := range []GenConfig{{Flows: -1}, {Flows: maxFlows + 1}, {Rate: -1}, {Base: -1}, {Base: 254}, {Sources: -1}, {Sources: maxSources + 1}} {
		for _, make := range []func(context.Context, GenConfig) (Made, error){g.Generate, g.Spawn} {
			if made, err := make(t.Context(), cfg); err == nil {
				t.Errorf("%+v made %+v", cfg, made)
			}
		}
	}
	if g, err := NewGenerator(GeneratorConfig{UDPTimeout: time.Millisecond}); err == nil {
		t.Error("a timeout of a millisecond was taken")
		g.Close()
	}
}

func TestGenerateStops(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, GeneratorConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for count(t, g) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	made, err := g.Generate(ctx, GenConfig{Flows: 100_000, Rate: 1000})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if got := count(t, g); got != made.Flows || got == 0 {
		t.Errorf("made %d, the kernel counts %d", made.Flows, got)
	}
}

func TestGenerateSNAT(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, GeneratorConfig{SNAT: true, Acct: true, UDPTimeout: time.Minute})
	if _, err := g.Generate(t.Context(), GenConfig{Flows: 1}); err != nil {
		t.Fatal(err)
	}
	c, err := conntrack.Dial(&netlink.Config{NetNS: g.Namespace().FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	table, err := c.Dump(nil)
	if err != nil || len(table) != 1 {
		t.Fatalf("dump: %d flows, %v", len(table), err)
	}
	f := table[0]
	got := fmt.Sprint(f.TupleOrig.IP, f.TupleOrig.Proto.SourcePort, f.TupleOrig.Proto.DestinationPort,
		f.TupleReply.IP, f.TupleReply.Proto.SourcePort, f.TupleReply.Proto.DestinationPort, f.Status.SrcNAT(), f.Status.SeenReply())
	if want := "{198.18.0.1 198.18.10.2} 20000 1000 {198.18.10.2 198.18.1.1} 1000 20000 true false"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if f.CountersOrig.Packets != 1 || f.Timeout <= 30 || f.Timeout > 60 {
		t.Errorf("%d packets, timeout %d", f.CountersOrig.Packets, f.Timeout)
	}
}

// TestGenerateSources expects flows of so many inside hosts, each with its source
// translated.
func TestGenerateSources(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, GeneratorConfig{SNAT: true})
	made, err := g.Generate(t.Context(), GenConfig{Flows: 1000, Sources: 300})
	if err != nil || made.Flows != 1000 {
		t.Fatalf("%+v, %v", made, err)
	}
	c, err := conntrack.Dial(&netlink.Config{NetNS: g.Namespace().FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	table, err := c.Dump(nil)
	if err != nil || len(table) != 1000 {
		t.Fatalf("dump: %d flows, %v", len(table), err)
	}
	hosts := map[netip.Addr]int{}
	for i := range table {
		hosts[table[i].TupleOrig.IP.SourceAddress]++
		if to := table[i].TupleReply.IP.DestinationAddress; to != GeneratorSNAT {
			t.Fatalf("sent as %s", to)
		}
	}
	for host := 1; host <= 300; host++ {
		at := netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)})
		if want := 1000/300 + min(1, max(0, 1000%300-host+1)); hosts[at] != want {
			t.Errorf("%s begins %d flows, wanted %d", at, hosts[at], want)
		}
	}
	if len(hosts) != 300 {
		t.Errorf("%d hosts", len(hosts))
	}
}

// TestRaiseMax changes the host's limit as root alone; elsewhere RaiseMax must
// say why it can't.
func TestRaiseMax(t *testing.T) {
	t.Parallel()
	release, err := RaiseMax(t.Context(), 1)
	if errors.Is(err, ErrNotInitial) {
		if InitialUserNS() {
			t.Skip("root without the right to write sysctls")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	// The lock is held: nobody else changes the limit.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := RaiseMax(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second owner: %v", err)
	}
	f, err := os.OpenFile(conntrackMax, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	limit := func() int {
		n, err := readMax(f)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	old := limit()
	lower, err := setMax(f, old+1000, func(old int) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if got := limit(); got != old+1000 {
		t.Errorf("raised to %d, want %d", got, old+1000)
	}
	if err := lower(); err != nil {
		t.Fatal(err)
	}
	if got := limit(); got != old {
		t.Errorf("lowered to %d, want %d", got, old)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// TestGenerateAllocs: a batch costs no memory.
func TestGenerateAllocs(t *testing.T) {
	g := newGenerator(t, GeneratorConfig{})
	var fd int
	if err := g.Namespace().Do(func() (err error) {
		fd, err = udpSocket(generatorSrc.As4(), firstSport)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	b := newBatch(0)
	for i := range b.to {
		putPort(&b.to[i].Port, uint16(firstDport+i))
	}
	var made Made
	if n := testing.AllocsPerRun(100, func() {
		if err := b.send(fd, batchSize, &made); err != nil {
			t.Fatal(err)
		}
		if err := pace(t.Context(), 0, made.tried(), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// BenchmarkGenerate makes b.N flows at full speed: as many as the host's table
// has room for, at most.
func BenchmarkGenerate(b *testing.B) {
	g, err := NewGenerator(GeneratorConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	b.ReportAllocs()
	b.ResetTimer()
	made, err := g.Generate(b.Context(), GenConfig{Flows: b.N})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(made.Flows)/made.Elapsed.Seconds(), "flows/s")
	if made.Refused > 0 {
		b.Logf("%d of %d refused: the table is full", made.Refused, b.N)
	}
}

// TestHoldBuckets expects one holder at a time, and the old number to be back when
// it lets go.
func TestHoldBuckets(t *testing.T) {
	Alone(t, "nf_conntrack_buckets")
	b, err := HoldBuckets(t.Context())
	if errors.Is(err, ErrNotInitial) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		text, err := os.ReadFile(conntrackBuckets)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	old := read()
	if err := b.Set(1000); err != nil || read() != "1024" {
		t.Errorf("%s buckets, %v", read(), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := HoldBuckets(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second holder: %v", err)
	}
	if _, err := RaiseMax(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside it: %v", err)
	}
	if err := b.Close(); err != nil || read() != old {
		t.Errorf("%s buckets, %s before; %v", read(), old, err)
	}
	again, err := RaiseMax(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}
