package table

import (
	"runtime"
	"sync"
)

// huge is zeroed memory outside Go's heap, in huge pages where the kernel has
// them, that is prepared a little ahead of its use: it is not the capture loop
// that waits while the kernel clears a page. It must hold no pointers, which the
// collector would miss; whoever refers to the bytes refers to huge as well, which
// gives them back when it is collected. A nil huge is one that could not be had.
type huge struct {
	bytes    []byte
	whole    []byte         // what is mapped: bytes, and what is left over of it
	prepared int            // bytes that are, or will be in a moment
	busy     sync.WaitGroup // who prepares
	cleanup  runtime.Cleanup
}

const hugePage = 2 << 20 // its size on most machines: where it is another, all works as well

// newHuge returns size bytes, or nil.
func newHuge(size int) *huge {
	whole, bytes := mapHuge(size)
	if bytes == nil {
		return nil
	}
	h := &huge{bytes: bytes, whole: whole}
	h.cleanup = runtime.AddCleanup(h, unmapHuge, whole)
	return h
}

// prepare is told that the bytes up to end are about to be used. As they are
// nearly used up, those behind follow.
func (h *huge) prepare(end int) {
	if h == nil {
		return
	}
	end = min((end+hugePage*3/2-1)&^(hugePage-1), len(h.bytes))
	if end <= h.prepared {
		return
	}
	part := h.bytes[h.prepared:end]
	h.prepared = end
	h.busy.Go(func() {
		populate(part)
		runtime.KeepAlive(h)
	})
}

// free gives the memory back, which nobody uses any more.
func (h *huge) free() {
	if h == nil {
		return
	}
	h.busy.Wait()
	h.cleanup.Stop()
	unmapHuge(h.whole)
	h.bytes, h.whole = nil, nil
}
