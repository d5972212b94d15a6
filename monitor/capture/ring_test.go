//go:build linux

package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/cilium/ebpf/asm"

	"natlens/monitor"
	"natlens/monitor/lab"
)

// Messages of every length that a record can have, and those next to it, come
// through whole: an attribute that nobody knows fills them up.
func TestRingTakesEverySize(t *testing.T) {
	needRing(t)
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD()})
	sizes := map[int]bool{}
	for _, s := range shortSizes {
		for d := -8; d <= 8; d += 4 {
			sizes[int(s)-recordMessage+d] = true
		}
	}
	for _, s := range fullSizes { // the first record is a full one
		sizes[int(s)-recordFullMessage] = true
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

// A helper that copies into a record is refused where the verifier can't tell that
// the length is not 0. Before Linux 6.8 it learns nothing of that from a test for
// equality with 0 (kernel/bpf/verifier.c: regs_refine_cond_op), so that the program
// compares below 1: with the other, no ring was to be had there.
func TestRingBoundsLengthForOldVerifiers(t *testing.T) {
	for i, in := range ringInstructions(0, 0, nil, 0) {
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

// The ring holds eight times as many events as a socket buffer of its size, which
// takes 1,280 bytes for the NEW of a UDP flow.
func TestRingHolds(t *testing.T) {
	needRing(t)
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	const size, made, record = 1 << 16, 1000, 160
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD(), Ring: size})
	var b monitor.Batch
	for round := range 3 { // after a loss as well
		before := c.Stats()
		if err := c.Poll(&b); err != nil || len(b.Events) > 0 { // gives back what was read
			t.Fatal(len(b.Events), err)
		}
		if _, err := g.Generate(t.Context(), lab.GenConfig{Flows: made, Base: round}); err != nil {
			t.Fatal(err)
		}
		events, err := collect(t.Context(), c, upTo(made))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(events[1].raw); n != 148 {
			t.Skipf("the NEW of a UDP flow has %d bytes here, not 148", n)
		}
		// All but the first are short records; the last of the round before
		// has not been given back.
		if n := c.Stats().Received - before.Received; n < size/record-3 {
			t.Errorf("round %d: %d received, want at least %d", round, n, size/record-3)
		}
	}
}

// A full record is written first, after a loss, and when ten seconds of stamps
// have passed; every other one is short.
func TestRecordReader(t *testing.T) {
	short := func(ticks uint64) []byte {
		return binary.NativeEndian.AppendUint32(nil, uint32(ticks<<1))
	}
	full := func(ticks uint64, drops uint32) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(ticks<<1|markFull))
		b = binary.NativeEndian.AppendUint32(b, drops)
		return binary.NativeEndian.AppendUint64(b, ticks)
	}
	const start = 1<<40 + 1<<31 - 5 // about to come round
	var r recordReader
	for i, c := range []struct {
		b     []byte
		ticks uint64
		full  bool
		drops uint32
	}{
		{full(start, 0), start, true, 0},
		{short(start + 1), start + 1, false, 0},
		{short(start + 9), start + 9, false, 0},                       // 31 bits came round
		{short(start + 3), start + 3, false, 0},                       // another CPU, a little earlier
		{short(start + 3 + 1<<29), start + 3 + 1<<29, false, 0},       // 17 s later
		{short(start + 3), start + 3, false, 0},                       // and back
		{full(start+1<<36, 7), start + 1<<36, true, 7},                // long after
		{short(start + 1<<36 - 100), start + 1<<36 - 100, false, 0},   // the one it raced with
		{short(start + 1<<36 + 1000), start + 1<<36 + 1000, false, 0}, //
	} {
		b := append(c.b, "message"...)
		rec := r.parse(b)
		if rec.stamp != c.ticks<<tickShift || rec.full != c.full || rec.drops != c.drops || string(rec.msg) != "message" {
			t.Errorf("record %d: %+v, want stamp %d, full %v, drops %d", i, rec, c.ticks<<tickShift, c.full, c.drops)
		}
	}
}

// The account of drops, as records tell it.
func TestRingLoss(t *testing.T) {
	var l ringLoss
	for i, c := range []struct {
		drops uint32
		lost  uint64
	}{{0, 0}, {3, 3}, {2, 0}, {3, 0}, {10, 7}} {
		if got := l.before(c.drops); got != c.lost {
			t.Errorf("record %d with %d drops: %d lost, want %d", i, c.drops, got, c.lost)
		}
	}
	l.seen = 1<<32 - 2
	if got := l.before(5); got != 7 || l.seen != 1<<32+5 {
		t.Errorf("the counter came round: %d lost, %d seen; want 7, %d", got, l.seen, uint64(1<<32+5))
	}
}

// What an ENOBUFS on the socket tells becomes a Lost event, also while Next
// waits, and uncertain where the kernel counted nothing.
func TestRingUncertainLoss(t *testing.T) {
	needRing(t)
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD()}).(*ringCapture)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for _, want := range []monitor.Gap{{Count: 1, Uncertain: true}, {Count: 5}, {Count: 2, Uncertain: true}} {
		time.AfterFunc(5*time.Millisecond, func() {
			told := socketLoss{count: want.Count, uncertain: want.Uncertain}
			if want.Uncertain && want.Count == 1 {
				told.count = 0
			}
			c.tell(c.taps[0], told)
		})
		events, err := collect(ctx, c, func(told) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		got := events[0].gap
		if len(events) != 1 || events[0].kind != monitor.KindLost || got.Count != want.Count || got.Uncertain != want.Uncertain {
			t.Errorf("events %+v, want a loss %+v", events, want)
		}
	}
	if s := c.Stats(); s.Lost != 8 || s.Gaps != 3 {
		t.Errorf("stats %+v, want 8 lost in 3 gaps", s)
	}
}

// Times follow the wall clock where it is set forward, and run at half speed
// where it was set back, until they meet it.
func TestWallClock(t *testing.T) {
	const s = int64(time.Second)
	boot, offset := 100*s, 1000*s
	c := newWallClock(func() (int64, int64) { return boot, boot + offset })
	at := func(b int64) int64 {
		boot = b
		return int64(c.at(uint64(b)))
	}
	for i, step := range []struct{ boot, offset, want int64 }{
		{100 * s, 1000 * s, 1100 * s},
		{101*s - 1, 1005 * s, 1101*s - 1}, // not measured yet
		{101 * s, 1005 * s, 1106 * s},     // set forward
		{100 * s, 1005 * s, 1106 * s},     // an older stamp: not before the last
		{103 * s, 1002 * s, 1107 * s},     // set back by 3 s: 1 s of 2
		{103*s + 5, 1002 * s, 1107*s + 5}, // runs on
		{105 * s, 1002 * s, 1108 * s},     // 1 s of 2 again
		{115 * s, 1002 * s, 1117 * s},     // met it: the last second
		{116 * s, 1002 * s, 1118 * s},     //
	} {
		offset = step.offset
		if got := at(step.boot); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}

// The clocks of this machine: a stamp of now is now.
func TestBootAndWall(t *testing.T) {
	shift, err := bootShift()
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().UnixNano()
	boot, wall := bootAndWall(shift)
	after := time.Now().UnixNano()
	if wall < before || wall > after || boot <= 0 {
		t.Errorf("boot %d, wall %d not in %d to %d", boot, wall, before, after)
	}
}

// How long the reader naps, by what its looks find.
func TestRingWaitPolicy(t *testing.T) {
	const ms = time.Millisecond
	w := ringWait{coalesce: ms, longest: 5 * ms, fill: 1000}
	for i, c := range []struct {
		events int
		bytes  uint64
		empty  bool
		want   time.Duration
	}{
		{1, 100, true, 0},            // one event: nothing to wait for
		{2, 200, true, ms},           // two: more are coming
		{3, 300, true, 2 * ms},       //
		{3, 300, true, 4 * ms},       //
		{3, 300, true, 5 * ms},       // the longest
		{1024, 500, false, 5 * ms},   // more is there
		{10, 600, true, 5 * ms / 2},  // more than the fill together: too long a nap
		{512, 900, true, 5 * ms / 2}, // just right
		{0, 0, true, 0},              // quiet
	} {
		w.filled(c.events, c.bytes, c.empty)
		if w.interval != c.want {
			t.Errorf("look %d: nap %v, want %v", i, w.interval, c.want)
		}
		if !c.empty && !w.due.IsZero() {
			t.Errorf("look %d: a nap, though there is more", i)
		}
	}
	w.coalesce = 0
	w.filled(100, 100, true)
	if w.interval != 0 {
		t.Error("naps without coalescing")
	}
}

// Why the ring could not be had is an error of its own, with a reason.
func TestRingError(t *testing.T) {
	_, err := openRing(Config{Ring: 512})
	var no *RingError
	if !errors.As(err, &no) || no.Reason == "" {
		t.Errorf("a ring smaller than a page: %v", err)
	}
	if !lab.InitialUserNS() {
		_, err := openRing(Config{Ring: 1 << 16})
		if !errors.As(err, &no) || no.Reason != "needs CAP_BPF in the initial user namespace" {
			t.Errorf("in a user namespace: %v", err)
		}
	}
}

// A batch costs no memory, once the reader has warmed up.
func TestRingAllocatesNothing(t *testing.T) {
	needRing(t)
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := ways[1].start(t, Config{NetNS: g.Namespace().FD(), Ring: 4 << 20})
	ctx := t.Context()
	if _, err := g.Generate(ctx, lab.GenConfig{Flows: 10_000}); err != nil {
		t.Fatal(err)
	}
	var b monitor.Batch
	allocs := testing.AllocsPerRun(5, func() {
		b.Reset()
		if err := c.Next(ctx, &b); err != nil {
			t.Fatal(err)
		}
		// There is room for a loss beside the last.
		if n := len(b.Events); n < monitor.BatchSize-2 {
			t.Errorf("%d events, while thousands wait", n)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}
