//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
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

// TestGenerate compares Made with the kernel's own count.
func TestGenerate(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, GeneratorConfig{})
	total := 0
	for _, tt := range []struct {
		name string
		cfg  GenConfig
		new  int
	}{
		{"none", GenConfig{}, 0},
		{"part of a batch", GenConfig{Flows: 7}, 7},
		{"the same again and more", GenConfig{Flows: 1000}, 993},
		{"another base, two ports", GenConfig{Flows: flowsPerSource + 100, Base: 253}, flowsPerSource + 100},
		{"at a rate", GenConfig{Flows: 500, Rate: 20_000, Base: 1}, 500},
	} {
		made, err := g.Generate(t.Context(), tt.cfg)
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
	g := newGenerator(t, GeneratorConfig{SNAT: true, Sysctls: map[string]string{"acct": "1", "udp_timeout": "60"}})
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
	got := fmt.Sprint(
		f.TupleOrig.IP,
		f.TupleOrig.Proto.SourcePort,
		f.TupleOrig.Proto.DestinationPort,
		f.TupleReply.IP,
		f.TupleReply.Proto.SourcePort,
		f.TupleReply.Proto.DestinationPort,
		f.Status.SrcNAT(),
		f.Status.SeenReply(),
	)
	if want := "{198.18.0.1 198.18.10.2} 20000 1000 {198.18.10.2 198.18.1.1} 1000 20000 true false"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if f.CountersOrig.Packets != 1 || f.Timeout <= 30 || f.Timeout > 60 {
		t.Errorf("%d packets, timeout %d", f.CountersOrig.Packets, f.Timeout)
	}
}

// TestHoldMax changes the host's limit. It is only possible for root; otherwise HoldMax
// must return the reason.
func TestHoldMax(t *testing.T) {
	t.Parallel()
	raised := 0
	held, err := HoldMax(t.Context(), func(old int) int { raised = old + 1000; return raised })
	if errors.Is(err, ErrNotInitial) {
		if InitialUserNS() {
			t.Skip("root without the right to write sysctls")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := held.Read(); got != raised {
		t.Errorf("raised to %d, want %d; %v", got, raised, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := HoldBuckets(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second owner: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkGenerate makes b.N flows at full speed, at most nf_conntrack_max.
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

// TestHoldBuckets expects Close to restore the old number.
func TestHoldBuckets(t *testing.T) {
	Alone(t, "nf_conntrack_buckets")
	l, err := HoldBuckets(t.Context())
	if errors.Is(err, ErrNotInitial) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = l.Set(1000)
	if n, failed := l.Read(); n != 1024 {
		t.Errorf("%d buckets, %v, %v", n, err, failed)
	}
	err = l.Close()
	if n, failed := l.Read(); n != l.Old {
		t.Errorf("%d buckets, %d before; %v, %v", n, l.Old, err, failed)
	}
}
