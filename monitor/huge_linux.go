package monitor

import (
	"syscall"
	"unsafe"
)

// adviseHuge asks the kernel for huge pages under the memory, which nobody has
// touched yet. It is a wish: where it is refused all works as before.
func adviseHuge(block [][chunkRows]Row) {
	const madvHugepage = 14 // MADV_HUGEPAGE of madvise(2)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(block))), len(block)*int(unsafe.Sizeof(block[0])))
	page := syscall.Getpagesize()
	// Go's large allocations begin at a page of its own size, not surely at one
	// of the kernel's.
	skip := -int(uintptr(unsafe.Pointer(&bytes[0]))) & (page - 1)
	_ = syscall.Madvise(bytes[skip:len(bytes)&^(page-1)], madvHugepage)
}
