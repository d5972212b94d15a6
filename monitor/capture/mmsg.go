//go:build linux

package capture

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// mmsgReader reads many netlink messages by one system call (recvmmsg(2)). Each message has its
// own slot until reset, so events may point into it:
//
//	message 0   [ slot 512 B ][ overflow 16 KiB ]   iov[0], iov[1]
//	message 1   [ slot 512 B ][ overflow 16 KiB ]
//
// Small slots keep the used memory small. All messages share the overflow, for long labels and
// security contexts; natlens copies from it.
type mmsgReader struct {
	hdrs     [mmsgBurst]mmsghdr
	iovs     [mmsgBurst][2]unix.Iovec
	from     [mmsgBurst]unix.RawSockaddrNetlink
	slots    []byte
	overflow []byte
	used     int // slots taken since reset
	first    int // slot of the last recv's first message
}

// struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

const (
	mmsgBurst    = 256
	slotSize     = 512
	overflowSize = 16 << 10
	slotCount    = monitor.BatchSize
)

func newMmsgReader() *mmsgReader {
	r := &mmsgReader{slots: make([]byte, slotCount*slotSize), overflow: make([]byte, mmsgBurst*overflowSize)}
	for i := range r.hdrs {
		h := &r.hdrs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&r.from[i]))
		h.Iov = &r.iovs[i][0]
		h.SetIovlen(2)
		r.iovs[i][0].SetLen(slotSize)
		r.iovs[i][1].Base = &r.overflow[i*overflowSize]
		r.iovs[i][1].SetLen(overflowSize)
	}
	return r
}

// reset frees all slots. Earlier messages must not be used after that.
func (r *mmsgReader) reset() { r.used = 0 }

// room reports whether a slot is free.
func (r *mmsgReader) room() bool { return r.used < slotCount }

// recv reads queued messages into the free slots, without blocking. more reports that all slots
// were filled, so there may be more messages.
func (r *mmsgReader) recv(fd int) (n int, more bool, errno unix.Errno) {
	burst := min(mmsgBurst, slotCount-r.used)
	for i := range burst {
		r.iovs[i][0].Base = &r.slots[(r.used+i)*slotSize]
		r.hdrs[i].hdr.Namelen = unix.SizeofSockaddrNetlink
	}
	got, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.hdrs[0])),
		uintptr(burst), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, false, errno
	}
	r.first = r.used
	r.used += int(got)
	return int(got), int(got) == burst, 0
}

// message returns the i-th message of the last recv, the netlink port of its sender (0: the
// kernel), and whether it was read as a whole.
func (r *mmsgReader) message(i int) (msg []byte, sender uint32, whole bool) {
	h := &r.hdrs[i]
	whole = h.hdr.Flags&unix.MSG_TRUNC == 0
	start := (r.first + i) * slotSize
	n := int(h.len)
	if n <= slotSize {
		return r.slots[start : start+n : start+n], r.from[i].Pid, whole
	}
	long := make([]byte, 0, n)
	long = append(long, r.slots[start:start+slotSize]...)
	long = append(long, r.overflow[i*overflowSize:i*overflowSize+n-slotSize]...)
	return long, r.from[i].Pid, whole
}

// socketDrops returns how many messages the socket has dropped since it was opened (sk_drops).
func socketDrops(fd int) (uint32, error) {
	var mem [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(mem))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&mem)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return mem[unix.SK_MEMINFO_DROPS], nil
}
