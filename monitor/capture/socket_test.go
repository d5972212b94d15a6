//go:build linux

package capture

import (
	"context"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// deadline is how long a test waits for what the kernel is sure to do.
const deadline = 20 * time.Second

// flowUntil captures in the gateway while act makes traffic, and returns the
// first event that is wanted. Copies: nothing points into the batch.
func flowUntil(t *testing.T, l *lab.Lab, act func(ctx context.Context) error,
	wanted func(*monitor.Event) bool) monitor.Event {
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

// A TCP connection through the masquerading gateway is reported from its SYN to its
// end, a message for each state.
func TestSocketFollowsALife(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Sysctls: map[string]string{"net.netfilter.nf_conntrack_tcp_timeout_time_wait": "1"}})
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

// A socket that overran is read until its queue is empty, at once: as long as it is
// congested it drops all that comes.
func TestOverrunIsReadToItsEnd(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := ways[0].start(t, Config{NetNS: g.Namespace().FD(), Kinds: filter.Kinds(monitor.KindNew), Buffer: 4096})
	if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: 100}); err != nil {
		t.Fatal(err)
	}
	var b monitor.Batch
	if err := c.Poll(&b); err != nil {
		t.Fatal(err)
	}
	last := len(b.Events) - 1
	if last < 1 || b.Events[last].Kind != monitor.KindLost || last+int(b.Events[last].Gap.Count) != 100 {
		t.Errorf("events %+v: want those that were queued, and the loss of the others", b.Events)
	}
}

func TestOpenChecksRing(t *testing.T) {
	if _, err := Open(Config{Way: Socket, Ring: 5000}); err == nil {
		t.Error("a ring of 5000 bytes was taken")
	}
}
