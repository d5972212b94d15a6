package monitor

import (
	"runtime"
	"syscall"
	"unsafe"
)

// makeBlock returns n zeroed chunks of rows. They stand outside Go's heap, in
// huge pages where the kernel has them, and are given back when owner is
// collected: nothing may refer to a chunk longer than to its slab. Rows hold no
// pointers, so the collector misses nothing.
func makeBlock(n int, owner *slab) [][chunkRows]packedRow {
	const madvHugepage = 14 // MADV_HUGEPAGE of madvise(2)
	size := n * int(unsafe.Sizeof([chunkRows]packedRow{}))
	mem, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([][chunkRows]packedRow, n)
	}
	_ = syscall.Madvise(mem, madvHugepage) // a wish: where it is refused all works as well
	runtime.AddCleanup(owner, func(mem []byte) { _ = syscall.Munmap(mem) }, mem)
	return unsafe.Slice((*[chunkRows]packedRow)(unsafe.Pointer(unsafe.SliceData(mem))), n)
}
