package table

import (
	"syscall"
	"unsafe"
)

// Advice of madvise(2).
const (
	madvHugepage      = 14
	madvPopulateWrite = 23 // since Linux 5.14
)

// mapHuge maps size bytes that begin where a huge page may. What is mapped as a
// whole is for unmapHuge.
func mapHuge(size int) (whole, bytes []byte) {
	whole, err := syscall.Mmap(-1, 0, size+hugePage, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(whole))) % hugePage)
	bytes = whole[skip : skip+size : skip+size]
	_ = syscall.Madvise(bytes, madvHugepage) // a wish: where it is refused all works as well
	return whole, bytes
}

func unmapHuge(whole []byte) { _ = syscall.Munmap(whole) }

// populate has the kernel provide the memory now. Where it can't, it does so when
// the memory is first used.
func populate(part []byte) { _ = syscall.Madvise(part, madvPopulateWrite) }
