//go:build linux

package capture

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"natlens/monitor/filter"
)

// pushRunner is a filter in the kernel, over single messages.
type pushRunner interface {
	// takes reports whether the message is passed to the reader.
	takes(t *testing.T, msg []byte) bool
	close()
}

// socketRunner is one end of a pair of sockets, with the filter on it, and the
// other. Netlink is no matter to the filter: it sees the bytes of a datagram, in
// one piece.
type socketRunner struct{ from, to int }

func newSocketRunner(t *testing.T, e filter.Expr) pushRunner {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := classicFilter(e)
	if err != nil {
		t.Fatalf("%v: %v", e, err)
	}
	if prog != nil {
		ins := make([]unix.SockFilter, len(prog))
		for i, r := range prog {
			ins[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
		}
		fprog := unix.SockFprog{Len: uint16(len(ins)), Filter: &ins[0]}
		if err := unix.SetsockoptSockFprog(pair[1], unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
			t.Fatalf("attach %d instructions for %v: %v", len(ins), e, err)
		}
	}
	return &socketRunner{pair[0], pair[1]}
}

func (r *socketRunner) takes(t *testing.T, msg []byte) bool {
	t.Helper()
	if err := unix.Send(r.from, msg, 0); err != nil {
		t.Fatal("send:", err)
	}
	got := make([]byte, len(msg)+1)
	n, _, err := unix.Recvfrom(r.to, got, 0)
	if err == unix.EAGAIN {
		return false
	}
	if err != nil || !bytes.Equal(got[:n], msg) {
		t.Fatalf("received %x (%v), sent %x", got[:n], err, msg)
	}
	return true
}

func (r *socketRunner) close() {
	unix.Close(r.from)
	unix.Close(r.to)
}

// ringRunner runs the ring's program with a filter over single messages.
type ringRunner struct {
	prog     *ringProgram
	ring     *ebpf.Map
	mem      *ringMemory
	counters ringCounters
}

func newRingRunner(t *testing.T, e filter.Expr) pushRunner {
	t.Helper()
	const size = 1 << 16
	ring, err := newRingMap(size)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := newRingProgram(ring, e, 0)
	if err != nil {
		t.Fatalf("%v: %v", e, err)
	}
	mem, err := mapRing(ring.FD(), size)
	if err != nil {
		t.Fatal(err)
	}
	counters, err := mapCounters(prog.counters.FD())
	if err != nil {
		t.Fatal(err)
	}
	return &ringRunner{prog, ring, mem, counters}
}

func (r *ringRunner) close() {
	r.counters.unmap()
	r.mem.unmap()
	r.prog.close()
	r.ring.Close()
}

// takes reports whether the program put the message into the ring.
func (r *ringRunner) takes(t *testing.T, msg []byte) bool {
	t.Helper()
	pos, left := r.mem.produced(), r.counters.load(counterLeft)
	// The kernel takes the first 14 bytes for an Ethernet header, and them away.
	if ret, _, err := r.prog.prog.Test(append(make([]byte, 14), msg...)); err != nil || ret != 0 {
		t.Fatalf("run program: returned %d, %v", ret, err)
	}
	took := r.mem.produced() != pos
	r.mem.consumed(r.mem.produced())
	if took == (r.counters.load(counterLeft) != left) {
		t.Fatalf("message was taken: %v, and left out: %v", took, !took)
	}
	return took
}
