//go:build linux

package capture

import (
	"testing"

	"github.com/cilium/ebpf"
	"natlens/monitor/filter"
)

// pushRunner is a filter in the kernel, over single messages.
type pushRunner interface {
	// takes reports whether the message is passed to the reader.
	takes(t *testing.T, msg []byte) bool
	close()
}

// runner runs the program of a way with a filter over single messages.
type runner struct {
	*bpfProgram
	ring *ebpf.Map // nil: the program of a socket
	mem  *ringMemory
}

func newRunner(t *testing.T, w Way, e filter.Expr) pushRunner {
	t.Helper()
	const size = 1 << 16
	r := &runner{}
	var err error
	if w == Ring {
		if r.ring, err = newRingMap(size); err != nil {
			t.Fatal(err)
		}
		if r.mem, err = mapRing(r.ring.FD(), size); err != nil {
			t.Fatal(err)
		}
	}
	if r.bpfProgram, err = newProgram(r.ring, e, 0); err != nil {
		t.Fatalf("%v: %v", e, err)
	}
	return r
}

func (r *runner) close() {
	r.prog.Close()
	if r.ring != nil {
		r.mem.unmap()
		r.ring.Close()
	}
}

// takes reports whether the program passed the message on.
func (r *runner) takes(t *testing.T, msg []byte) bool {
	t.Helper()
	left := r.counters.load(counterLeft)
	pos := uint64(0)
	if r.ring != nil {
		pos = r.mem.produced()
	}
	// The kernel takes the first 14 bytes for an Ethernet header, and them away.
	ret, _, err := r.prog.Test(append(make([]byte, 14), msg...))
	if err != nil || r.ring != nil && ret != 0 {
		t.Fatalf("run program: returned %d, %v", ret, err)
	}
	took := ret != 0
	if r.ring != nil {
		took = r.mem.produced() != pos
		r.mem.consumed(r.mem.produced())
	}
	if took == (r.counters.load(counterLeft) != left) {
		t.Fatalf("message was taken: %v, and left out: %v", took, !took)
	}
	return took
}
