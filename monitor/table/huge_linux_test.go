package table

import (
	"math"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

func TestHugeIsAligned(t *testing.T) {
	h := newHuge(3 * hugePage)
	if h == nil {
		t.Fatal("no memory")
	}
	defer h.free()
	if at := uintptr(unsafe.Pointer(&h.bytes[0])); at%hugePage != 0 || len(h.bytes) != 3*hugePage {
		t.Errorf("%d bytes at %#x", len(h.bytes), at)
	}
	if newHuge(math.MinInt) != nil { // a size that overflowed
		t.Error("memory that nobody has")
	}
}

// Memory is made ready up to a page ahead of what is used, and no farther than it
// goes.
func TestHugePrepares(t *testing.T) {
	h := newHuge(5*hugePage + 4096)
	if h == nil {
		t.Fatal("no memory")
	}
	defer h.free()
	var got []int
	for _, end := range []int{1, hugePage / 2, hugePage/2 + 1, 1, hugePage, 4 * hugePage, 5 * hugePage, len(h.bytes)} {
		h.prepare(end)
		got = append(got, h.prepared)
	}
	want := []int{hugePage, hugePage, 2 * hugePage, 2 * hugePage, 2 * hugePage, 5 * hugePage, len(h.bytes), len(h.bytes)}
	if !slices.Equal(got, want) {
		t.Errorf("prepared up to %v, want %v", got, want)
	}
	h.busy.Wait()
	if there := pagesThere(t, h.bytes); slices.Contains(there, false) && madvisePopulates(h.bytes[:1]) {
		t.Errorf("not all there: %v", there)
	}
	if i := slices.IndexFunc(h.bytes, func(b byte) bool { return b != 0 }); i >= 0 {
		t.Errorf("byte %d is not zero", i)
	}
}

// What is not freed is given back by the collector, once nobody refers to it, and
// no earlier: also while it is still being made ready.
func TestHugeIsCollected(t *testing.T) {
	const size = 64 << 20
	h := newHuge(size)
	if h == nil {
		t.Fatal("no memory")
	}
	h.prepare(size)
	whole := uintptr(unsafe.Pointer(unsafe.SliceData(h.whole)))
	runtime.GC()
	for at := range h.bytes {
		h.bytes[at] = 1
	}
	runtime.KeepAlive(h)
	h = nil
	for deadline := time.Now().Add(10 * time.Second); mapped(whole, size); {
		if time.Now().After(deadline) {
			t.Fatal("still mapped after 10 s")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// pagesThere tells of each page of memory whether it is there.
func pagesThere(t *testing.T, bytes []byte) []bool {
	t.Helper()
	page := syscall.Getpagesize()
	pages := make([]byte, (len(bytes)+page-1)/page)
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&bytes[0])), uintptr(len(bytes)), uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		t.Fatalf("mincore: %v", errno)
	}
	there := make([]bool, len(pages))
	for i, p := range pages {
		there[i] = p&1 != 0
	}
	return there
}

// madvisePopulates reports whether the kernel can make memory ready: it can since
// Linux 5.14.
func madvisePopulates(bytes []byte) bool {
	return syscall.Madvise(bytes, madvPopulateWrite) != syscall.EINVAL
}

// Each stage of the index, the first one too, is ready before the first shard
// moves into it: it is not the capture loop that waits for its memory.
func TestIndexStagesAreReady(t *testing.T) {
	const n = 600_000
	x := newIndexed(t, n)
	ready, begun := map[int]bool{}, []int{}
	for i := range n {
		x.add(i)
		for _, st := range x.index.stages {
			switch {
			case st.users == 0 && !ready[st.slots]:
				st.mem.busy.Wait()
				ready[st.slots] = pagesThere(t, st.mem.bytes[:hugePage])[0]
			case st.users > 0 && !slices.Contains(begun, st.slots):
				begun = append(begun, st.slots)
			}
		}
	}
	if want := []int{1024, 2048, 4096, 8192}; !slices.Equal(begun, want) {
		t.Fatalf("stages of %v slots, want %v", begun, want)
	}
	for _, slots := range begun {
		if !ready[slots] && madvisePopulates(x.index.stages[0].mem.bytes[:1]) {
			t.Errorf("the stage of %d slots was not ready when it was begun", slots)
		}
	}
}

// mapped reports whether all of the memory is mapped. Some of what was given back
// may be mapped again for another purpose.
func mapped(at uintptr, size int) bool {
	page := syscall.Getpagesize()
	resident := make([]byte, size/page)
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, at, uintptr(size), uintptr(unsafe.Pointer(&resident[0])))
	return errno != syscall.ENOMEM
}
