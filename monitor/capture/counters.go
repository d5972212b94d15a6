//go:build linux

package capture

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The value of the counters map. All CPUs read its first cache line for each event, and rarely
// write it.
const (
	counterDrops   = 0  // events that did not fit
	counterLeft    = 64 // events that the filter did not select
	counterMapSize = 72
)

// bpfCounters are the counters of a program, mapped into this process; nil: no program.
type bpfCounters []byte

// mapCounters maps the counters of a program. The mapping outlives the file descriptor.
func mapCounters(fd int) (bpfCounters, error) {
	page := os.Getpagesize()
	b, err := unix.Mmap(fd, 0, (counterMapSize+page-1)/page*page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map counters: %w", err)
	}
	return b, nil
}

func (c bpfCounters) unmap() {
	if c != nil {
		unix.Munmap(c)
	}
}

// load returns a counter: counterDrops or counterLeft.
func (c bpfCounters) load(at int) uint64 {
	if c == nil {
		return 0
	}
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&c[at])))
}
