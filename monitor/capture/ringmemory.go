//go:build linux

package capture

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringMemory is a BPF ring buffer mapped into this process (kernel/bpf/ringbuf.c):
//
//	┌──────────┬──────────┬───────────────┬───────────────┐
//	│ consumer │ producer │     data      │  data again   │
//	│ position │ position │               │               │
//	└──────────┴──────────┴───────────────┴───────────────┘
//	  a page,    a page,    size bytes,     the same pages:
//	  writable   read only  read only       no record wraps
//
// Positions count bytes since the beginning; modulo size they are offsets. A record is a 32-bit
// length with two flags, a 32-bit page offset for the kernel's own use, and the bytes. The next
// record begins at a multiple of 8.
//
// The kernel publishes a record in two steps. It reserves space by moving the producer
// position, with the record marked busy. It submits by an atomic exchange that clears the mark,
// after it has written the bytes. So the reader must load the producer position, the mark and
// the bytes in this order, with acquire loads. It frees memory by a release store of the
// consumer position, after it has read the last byte. Before it waits, it stores the consumer
// position and then reads the producer position. A writer stores the record and then reads the
// consumer position to decide whether to wake the reader. One of them sees the other's store
// only if neither pair is reordered. Go's atomic loads and stores are sequentially consistent,
// which is enough for all of this.
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

// unmap makes all bytes invalid that were read from the ring.
func (m *ringMemory) unmap() {
	for i, b := range m.mappings {
		if b != nil {
			unix.Munmap(b)
			m.mappings[i] = nil
		}
	}
}

// record returns the bytes of the record at pos, which must be below the producer position, and
// the position of the next record. rec is nil if the record was discarded. ok is false while
// the record is still being written.
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

// consumed frees the memory before pos for new records.
func (m *ringMemory) consumed(pos uint64) { atomic.StoreUint64(m.consumer, pos) }
