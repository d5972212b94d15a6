//go:build linux

package capture

import (
	"context"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/lab"
)

// deadline is how long a test waits for what the kernel is sure to do.
const deadline = 20 * time.Second

// flowUntil captures in the gateway while act makes traffic, and returns the
// first event that is wanted. Copies: nothing points into the batch.
func flowUntil(t *testing.T, l *lab.Lab, act func(ctx context.Context) error, wanted func(*monitor.Event) bool) monitor.Event {
	t.Helper()
	c, err := Open(Config{Way: Socket, NetNS: l.Gateway.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := act(ctx); err != nil {
		t.Fatal(err)
	}
	var b monitor.Batch
	for {
		b.Reset()
		if err := c.Next(ctx, &b); err != nil {
			t.Fatalf("the event did not come: %v", err)
		}
		for i := range b.Events {
			if wanted(&b.Events[i]) {
				e := b.Events[i]
				e.Raw, e.Extra = nil, nil
				return e
			}
		}
	}
}

// A TCP connection through the masquerading gateway is told from its SYN to its
// end, a message for each state.
func TestSocketTellsALife(t *testing.T) {
	l := lab.NewWith(t, lab.Config{Sysctls: map[string]string{"net.netfilter.nf_conntrack_tcp_timeout_time_wait": "1"}})
	var got []string
	flowUntil(t, l, func(ctx context.Context) error {
		_, err := l.TCPOnce(ctx, lab.TCP{To: lab.ServerHTTPS, Bytes: 100})
		return err
	}, func(e *monitor.Event) bool {
		got = append(got, e.Kind.String()+" "+e.Flow.State.Name(monitor.TCP)+" "+e.Flow.NAT().Kind.String())
		return e.Flow.State == monitor.TCPTimeWait
	})
	want := []string{"new SYN_SENT snat", "update SYN_RECV snat", "update ESTABLISHED snat", "update FIN_WAIT snat",
		"update CLOSE_WAIT snat", "update LAST_ACK snat", "update TIME_WAIT snat"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d: %s, want %s", i, got[i], want[i])
		}
	}
}

// A socket that overran has an error to tell, until that is read: a reader that
// believed it empty would let it drop all that comes for as long as it sleeps.
func TestOverrunIsNoEmptyQueue(t *testing.T) {
	g, err := lab.NewGenerator(lab.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c, err := openSocket(Config{NetNS: g.Namespace().FD(), Kinds: Kinds{New: true}, Buffer: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fd := c.queue.fd
	if failing(fd) {
		t.Error("a new socket has an error to tell")
	}
	if _, err := g.Generate(t.Context(), lab.GenConfig{Flows: 100}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // to ask is not to take
		if !failing(fd) {
			t.Error("an overrun is no error to tell")
		}
	}
	if _, _, errno := c.mm.recv(fd); errno != unix.ENOBUFS {
		t.Errorf("recv: %v, want %v", errno, unix.ENOBUFS)
	}
	if failing(fd) {
		t.Error("an error is to be told twice")
	}
	if n, all, errno := c.mm.recv(fd); n == 0 || !all || errno != 0 {
		t.Errorf("recv: %d messages, all %v, %v", n, all, errno)
	}
}

// The time to gather grows with the rate from the base to MaxCoalesce, and is never
// such that a quarter of the queue might fill.
func TestPace(t *testing.T) {
	const capacity = 1000 * socketCost // of a thousand messages
	var got []time.Duration
	p := pace{base: time.Millisecond, now: time.Millisecond, capacity: capacity, cost: socketCost}
	for _, n := range []int{0, paceBusy - 1, paceBusy, paceBusy, paceBusy, paceBusy, 200, 500, 1000, 5000, paceBusy, 0} {
		p.got(n)
		got = append(got, p.now.Round(10*time.Microsecond))
	}
	const ms = time.Millisecond
	want := []time.Duration{ms, ms, 2 * ms, 4 * ms, MaxCoalesce, MaxCoalesce, MaxCoalesce, ms * 5 / 2, ms, ms, 2 * ms, ms}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	p = pace{base: -1, now: -1, capacity: capacity, cost: socketCost}
	if p.got(1000); p.now != -1 {
		t.Errorf("a reader that is not to wait waits %v", p.now)
	}
}

// A sink that was slow has had messages gather: the reader sleeps for what is left of
// the time alone.
func TestPaceCountsTheSink(t *testing.T) {
	const ms = time.Millisecond
	p := pace{now: 4 * ms}
	for since, want := range map[time.Duration]time.Duration{0: 4 * ms, ms: 3 * ms, 4 * ms: 0, time.Hour: 0} {
		if got := p.left(since); got != want {
			t.Errorf("%v after the last look: %v, want %v", since, got, want)
		}
	}
}

func TestOpenUnprivileged(t *testing.T) {
	if _, err := Open(Config{Way: Socket, Ring: 5000}); err == nil {
		t.Error("a ring of 5000 bytes was taken")
	}
}
