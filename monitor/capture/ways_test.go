//go:build linux

package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// way opens captures of one kind for tests, and loads its filters alone.
type way struct{ way Way }

var ways = []way{{Socket}, {Ring}}

func (w way) filter(t *testing.T, e filter.Expr) pushRunner {
	t.Helper()
	needRing(t) // what allows the ring allows the socket's program
	return newRunner(t, w.way, e)
}

// eachWay runs a test for each way that can be had here.
func eachWay(t *testing.T, test func(t *testing.T, w way)) {
	for _, w := range ways {
		t.Run(w.way.String(), func(t *testing.T) {
			if w.way == Ring {
				needRing(t)
			}
			test(t, w)
		})
	}
}

// needRing skips the test where the kernel does not allow the ring.
func needRing(t *testing.T) {
	t.Helper()
	c, err := Open(Config{Way: Ring, Ring: 1 << 16})
	if err == nil {
		c.Close()
		return
	}
	var no *RingError
	if !errors.As(err, &no) || os.Geteuid() == 0 && labtest.InitialUserNS() {
		t.Fatal(err)
	}
	t.Skip("not the ring:", err)
}

// start opens a capture and closes it when the test ends.
func (w way) start(t *testing.T, cfg Config) *Capture {
	t.Helper()
	if cfg.Ring == 0 {
		cfg.Ring = 1 << 20
	}
	cfg.Dump = kernel.Dump
	cfg.Way = w.way
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if c.Way() != w.way {
		t.Fatalf("opened %v, want %v", c.Way(), w.way)
	}
	return c
}

// received is one event as tests compare it: without the differences between captures.
type received struct {
	kind monitor.Kind
	raw  string
	lost uint64
	time monitor.Time
	gap  monitor.Gap
}

// collect reads until stop has seen the last event it wants.
func collect(ctx context.Context, c *Capture, stop func(received) bool) ([]received, error) {
	var all []received
	var b monitor.Batch
	for {
		b.Reset()
		if err := c.Next(ctx, &b); err != nil {
			return all, fmt.Errorf("after %d events: %w", len(all), err)
		}
		end := false
		for i := range b.Events {
			e := &b.Events[i]
			one := received{kind: e.Kind, raw: string(e.Raw), time: e.Time}
			if e.Gap != nil {
				one.gap, one.lost = *e.Gap, e.Gap.Count
			}
			all = append(all, one)
			end = end || stop(one)
		}
		if end {
			return all, nil
		}
	}
}

// newOf returns a stop at the NEW of a flow to the given port, by its original
// tuple.
func newOf(port uint16) func(received) bool {
	want := binary.BigEndian.AppendUint16([]byte{6, 0, 3, 0}, port) // CTA_PROTO_DST_PORT
	return func(e received) bool {
		return e.kind == monitor.KindNew && bytes.Contains([]byte(e.raw)[:72], want)
	}
}

// mark sends a datagram to a port of its own, whose NEW ends a test's traffic.
func mark(t *testing.T, l *lab.Lab, port uint16) {
	t.Helper()
	c, err := l.Gateway.ListenUDP(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WriteToUDPAddrPort([]byte("mark"), netip.AddrPortFrom(lab.ServerIP, port)); err != nil {
		t.Fatal(err)
	}
}

// forgedFlow is a well-formed NEW of a UDP flow.
func forgedFlow() []byte {
	tuple := func(typ uint16, a, b byte) []byte {
		ip := attribute(1|attrNested, append(attribute(1, 192, 0, 2, a), attribute(2, 192, 0, 2, b)...)...)
		proto := attribute(2|attrNested, slices.Concat(attribute(1, 17), attribute(2, 0, a), attribute(3, 0, b))...)
		return attribute(typ|attrNested, append(ip, proto...)...)
	}
	body := slices.Concat([]byte{2, 0, 0, 0}, tuple(1, 1, 2), tuple(2, 2, 1), attribute(3, 0, 0, 0, 0))
	msg := make([]byte, 16, 16+len(body))
	binary.NativeEndian.PutUint32(msg, uint32(16+len(body)))
	binary.NativeEndian.PutUint16(msg[4:], 1<<8)   // ctnetlink, NEW
	binary.NativeEndian.PutUint16(msg[6:], 0x0600) // NLM_F_CREATE | NLM_F_EXCL
	return append(msg, body...)
}

// attribute encodes one attribute.
func attribute(typ uint16, v ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(v)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), v...)
	return append(b, make([]byte, -len(b)&3)...)
}

// forge sends one message to the group of NEWs.
func forge(t *testing.T, n *lab.Namespace, msg []byte) {
	t.Helper()
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1})
	})
	if err != nil {
		t.Fatal("forge:", err)
	}
}
