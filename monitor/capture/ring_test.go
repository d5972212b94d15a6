//go:build linux

package capture

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/lab/labtest"
)

// Messages of every length that a record can have, and those next to it, come
// through whole: an unknown attribute fills them up.
func TestRingTakesEverySize(t *testing.T) {
	needRing(t)
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD()})
	sizes := map[int]bool{}
	for _, s := range recordSizes {
		for d := -8; d <= 8; d += 4 {
			sizes[int(s)-recordMessage+d] = true
		}
	}
	base := forgedFlow()
	var b monitor.Batch
	lost := 0
	for size := range sizes {
		msg := padded(base, size)
		forge(t, g.Namespace(), msg)
		b.Reset()
		if err := c.Poll(&b); err != nil {
			t.Fatal(err)
		}
		if size > maxNetlink {
			lost++
			if len(b.Events) != 1 || b.Events[0].Kind != monitor.KindLost {
				t.Errorf("message of %d bytes: %d events, want a loss", size, len(b.Events))
			}
			continue
		}
		if n := len(b.Events); n == 0 || string(b.Events[n-1].Raw) != string(msg) {
			t.Errorf("message of %d bytes: %d events, or another message", size, n)
		}
	}
	if s := c.Stats(); s.Lost != uint64(lost) || s.Malformed != 0 || lost == 0 {
		t.Errorf("stats %+v, want %d lost", s, lost)
	}
}

// A helper that copies into a record is refused if the verifier does not know that
// the length is not 0. Before Linux 6.8 it learns nothing of that from a test for
// equality with 0 (kernel/bpf/verifier.c: regs_refine_cond_op), so that the program
// compares below 1: with the other, no ring was to be had there.
func TestRingBoundsLengthForOldVerifiers(t *testing.T) {
	for i, in := range instructions(nil, ringInstructions(0, 0, 0), 0) {
		if in.IsFunctionCall() {
			break
		}
		if in.Dst != regLen || in.Constant > 1 || in.OpCode.JumpOp() == asm.InvalidJumpOp {
			continue
		}
		if in.OpCode.JumpOp() != asm.JLT || in.Constant != 1 {
			t.Errorf("instruction %d, %v: the length is not compared below 1", i, in)
		}
		return
	}
	t.Error("nothing keeps a length of 0 out")
}

// padded returns msg with attributes at its end that make it size bytes long, or
// msg as it is if it is not shorter.
func padded(msg []byte, size int) []byte {
	msg = append([]byte{}, msg...)
	for size-len(msg) >= 4 {
		n := min(size-len(msg), 40000)
		if rest := size - len(msg) - n; rest > 0 && rest < 4 {
			n -= 4
		}
		msg = binary.NativeEndian.AppendUint16(msg, uint16(n))
		msg = binary.NativeEndian.AppendUint16(msg, 4000)
		for range n - 4 {
			msg = append(msg, byte(len(msg)))
		}
	}
	binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
	return msg
}

// The ring holds seven times as many events as a socket buffer of its size, which
// takes 1,280 bytes for the NEW of a UDP flow.
func TestRingHolds(t *testing.T) {
	needRing(t)
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	const size, made, record = 1 << 16, 1000, 176
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD(), Ring: size})
	var b monitor.Batch
	for round := range 3 { // after a loss as well
		before := c.Stats()
		if err := c.Poll(&b); err != nil || len(b.Events) > 0 { // gives back what was read
			t.Fatal(len(b.Events), err)
		}
		if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: made, Base: round}); err != nil {
			t.Fatal(err)
		}
		events, err := collect(t.Context(), c, upTo(made))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(events[1].raw); n != 148 {
			t.Skipf("the NEW of a UDP flow has %d bytes here, not 148", n)
		}
		if n := c.Stats().Received - before.Received; n < size/record-1 {
			t.Errorf("round %d: %d received, want at least %d", round, n, size/record-1)
		}
	}
}

// Losses by the count of drops in records.
func TestRingLoss(t *testing.T) {
	var l member
	for i, c := range []struct {
		drops uint32
		lost  uint64
	}{{0, 0}, {3, 3}, {2, 0}, {3, 0}, {10, 7}} {
		if got := l.lostBefore(c.drops); got != c.lost {
			t.Errorf("record %d with %d drops: %d lost, want %d", i, c.drops, got, c.lost)
		}
	}
	l.reported = 1<<32 - 2
	if got := l.lostBefore(5); got != 7 || l.reported != 1<<32+5 {
		t.Errorf("the counter wrapped: %d lost, %d reported; want 7, %d", got, l.reported, uint64(1<<32+5))
	}
}

// An ENOBUFS on the socket becomes a loss, which is uncertain if the kernel counted
// nothing.
func TestRingUncertainLoss(t *testing.T) {
	needRing(t)
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD()})
	var b monitor.Batch
	if err := c.Poll(&b); err != nil || len(b.Events) > 0 {
		t.Fatal(len(b.Events), err)
	}
	for _, received := range []struct{ received, want monitor.Gap }{
		{monitor.Gap{Uncertain: true}, monitor.Gap{Count: 1, Uncertain: true}},
		{monitor.Gap{Count: 5}, monitor.Gap{Count: 5}},
		{monitor.Gap{Count: 2, Uncertain: true}, monitor.Gap{Count: 2, Uncertain: true}},
	} {
		c.queue.(*ringQueue).members[0].pending = received.received
		b.Reset()
		if err := c.Poll(&b); err != nil || len(b.Events) != 1 || b.Events[0].Kind != monitor.KindLost {
			t.Fatal(b.Events, err)
		}
		if got := b.Events[0].Gap; got.Count != received.want.Count || got.Uncertain != received.want.Uncertain {
			t.Errorf("gap %+v, want %+v", got, received.want)
		}
	}
	if s := c.Stats(); s.Lost != 8 || s.Gaps != 3 {
		t.Errorf("stats %+v, want 8 lost in 3 gaps", s)
	}
}

// The clocks of this machine: a stamp of now is now.
func TestWallOffset(t *testing.T) {
	var stamp unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &stamp); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixNano()
	if off := time.Duration(stamp.Nano() + int64(wallOffset()) - now); off.Abs() > time.Second {
		t.Errorf("off by %v", off)
	}
}

// How long the reader naps, by what it has read.
func TestPace(t *testing.T) {
	const ms = time.Millisecond
	var p pace
	for i, c := range []struct {
		reading
		want time.Duration
	}{
		{reading{1, .01, true}, 0},          // one event: nothing to wait for
		{reading{2, .01, true}, ms},         // two: more are coming
		{reading{3, .01, true}, 2 * ms},     //
		{reading{3, .01, true}, 4 * ms},     //
		{reading{3, .01, true}, 8 * ms},     //
		{reading{3, .01, true}, longNap},    //
		{reading{1024, .1, false}, longNap}, // more is there
		{reading{10, .1, true}, 5 * ms},     // too much of the queue together: too long a nap
		{reading{1024, .1, true}, 5 * ms},   // just right
		{reading{0, 0, true}, 0},            // quiet
	} {
		p.after(c.reading)
		if p.interval != c.want {
			t.Errorf("reading %d: nap %v, want %v", i, p.interval, c.want)
		}
		if !c.dry && !p.due.IsZero() {
			t.Errorf("reading %d: a nap, though there is more", i)
		}
	}
}

// Why the ring could not be had is an error of its own, with a reason.
func TestRingError(t *testing.T) {
	_, err := openRing(shared{cfg: Config{Ring: 512}})
	var no *RingError
	if !errors.As(err, &no) || no.Reason == "" {
		t.Errorf("a ring smaller than a page: %v", err)
	}
	if !labtest.InitialUserNS() {
		_, err := Open(Config{Way: Ring, Ring: 1 << 16})
		if !errors.As(err, &no) || !strings.Contains(no.Reason, "CAP_BPF") {
			t.Errorf("in a user namespace: %v", err)
		}
	}
}

// A batch costs no memory, once the reader has warmed up.
func TestRingAllocatesNothing(t *testing.T) {
	needRing(t)
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD(), Ring: 4 << 20})
	ctx := t.Context()
	if _, err := g.Generate(ctx, labtest.GenConfig{Flows: 10_000}); err != nil {
		t.Fatal(err)
	}
	var b monitor.Batch
	allocs := testing.AllocsPerRun(5, func() {
		b.Reset()
		if err := c.Next(ctx, &b); err != nil {
			t.Fatal(err)
		}
		// A loss fits beside the last.
		if n := len(b.Events); n < monitor.BatchSize-2 {
			t.Errorf("%d events, while thousands wait", n)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}
