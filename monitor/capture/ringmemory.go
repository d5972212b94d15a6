//go:build linux

package capture

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringMemory is a BPF ring buffer as this process has it mapped
// (kernel/bpf/ringbuf.c):
//
//	┌──────────┬──────────┬───────────────┬───────────────┐
//	│ consumer │ producer │     data      │  data again   │
//	│ position │ position │               │               │
//	└──────────┴──────────┴───────────────┴───────────────┘
//	  a page,    a page,    size bytes,     the same pages:
//	  ours       read only  read only       no record wraps
//
// Positions count bytes since the beginning and are taken modulo size. A record is a
// length of 32 bits with two flags, a page offset of 32 bits for the kernel's own use,
// and the bytes; the next one begins at a multiple of 8.
//
// The kernel publishes a record in two steps. Reserving moves the producer position,
// with the record marked busy; submitting clears the mark by an atomic exchange, after
// the bytes were written. So the reader must see, in this order, the producer position,
// the mark, the bytes: loads that acquire. It gives memory back by a store that releases
// of the consumer position, after it has read the last byte. Before it waits it stores
// the consumer position and the kernel reads the producer position, while a writer
// stores the record and then reads the consumer position to decide whether to wake the
// reader: one of the two sees the other only if neither pair is reordered. Go's atomic
// loads and stores are sequentially consistent, which is all of this.
type ringMemory struct {
	consumer *uint64
	producer *uint64
	data     []byte // twice the size
	mask     uint64

	mappings [2][]byte
}

// The flags in a record's length, and the length of its header
// (BPF_RINGBUF_BUSY_BIT, _DISCARD_BIT, _HDR_SZ).
const (
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
	ringHeader  = 8
)

// mapRing maps a ring of size bytes. The mapping outlives the ring's file
// descriptor.
func mapRing(fd, size int) (*ringMemory, error) {
	m := &ringMemory{mask: uint64(size - 1)}
	page := os.Getpagesize()
	for i, want := range []struct{ offset, length, prot int }{
		{0, page, unix.PROT_READ | unix.PROT_WRITE},
		{page, page + 2*size, unix.PROT_READ},
	} {
		b, err := unix.Mmap(fd, int64(want.offset), want.length, want.prot, unix.MAP_SHARED)
		if err != nil {
			m.unmap()
			return nil, fmt.Errorf("map ring: %w", err)
		}
		m.mappings[i] = b
	}
	m.consumer = (*uint64)(unsafe.Pointer(&m.mappings[0][0]))
	m.producer = (*uint64)(unsafe.Pointer(&m.mappings[1][0]))
	m.data = m.mappings[1][page:]
	return m, nil
}

// unmap ends the life of all bytes that were read from the ring.
func (m *ringMemory) unmap() {
	for i, b := range m.mappings {
		if b != nil {
			unix.Munmap(b)
			m.mappings[i] = nil
		}
	}
}

// record returns the bytes of the record at pos, which is below the producer
// position, and the position of the next; nil if it was discarded. ok is false
// while its writer is still busy.
func (m *ringMemory) record(pos uint64) (rec []byte, next uint64, ok bool) {
	at := pos & m.mask
	n := atomic.LoadUint32((*uint32)(unsafe.Pointer(&m.data[at])))
	if n&ringBusy != 0 {
		return nil, pos, false
	}
	size := uint64(n &^ ringDiscard)
	next = pos + (ringHeader+size+7)&^7
	if n&ringDiscard != 0 {
		return nil, next, true
	}
	return m.data[at+ringHeader : at+ringHeader+size], next, true
}

// produced returns the position at which the next record will begin.
func (m *ringMemory) produced() uint64 { return atomic.LoadUint64(m.producer) }

// consumed gives the memory before pos back to the writers.
func (m *ringMemory) consumed(pos uint64) { atomic.StoreUint64(m.consumer, pos) }

// bpfCounters are the counters of a program as this process has them mapped; nil: no program.
type bpfCounters []byte

// mapCounters maps the counters of a program, which outlive the file descriptor.
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
