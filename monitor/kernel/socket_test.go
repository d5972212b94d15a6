//go:build linux

package kernel

import (
	"context"
	"os"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/lab"
)

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv(visitEnv); ok {
		os.Exit(visit())
	}
	lab.Main(m)
}

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

func TestOpenUnprivileged(t *testing.T) {
	if _, err := Open(Config{Way: Socket, Ring: 5000}); err == nil {
		t.Error("a ring of 5000 bytes was taken")
	}
}
