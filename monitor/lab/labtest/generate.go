//go:build linux

package labtest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The flows of one run are the ports of one source port after the other:
//
//	198.18.0.1+Base:20000 ─▶ 198.18.10.2:1000 … :13799
//	198.18.0.1+Base:20001 ─▶ 198.18.10.2:1000 … :13799
//	…
const (
	firstSport     = 20000
	firstDport     = 1000
	flowsPerSource = 12800
	batchSize      = 64 // packets a system call; divides flowsPerSource

	maxFlows = (1<<16 - firstSport) * flowsPerSource
	maxBase  = 253

	maxSources = 1<<24 - 2
)

// GenConfig says which flows to make.
type GenConfig struct {
	Flows int // how many, at most 582,860,800
	Rate  int // a second; 0 is as many as go
	// Base, 0 to 253, is added to the source address: runs with different
	// bases make different flows, the same base makes the same again.
	Base int
	// Sources above 0 has flows begin at so many inside hosts in turn, at most
	// 16,777,214: 10.0.0.1, 10.0.0.2 and so on, in the place of that address.
	Sources int
}

func (c GenConfig) check() error {
	switch {
	case c.Flows < 0 || c.Flows > maxFlows:
		return fmt.Errorf("%d flows: 0 to %d can be made", c.Flows, maxFlows)
	case c.Rate < 0:
		return fmt.Errorf("rate %d", c.Rate)
	case c.Base < 0 || c.Base > maxBase:
		return fmt.Errorf("base %d: 0 to %d are addresses", c.Base, maxBase)
	case c.Sources < 0 || c.Sources > maxSources:
		return fmt.Errorf("%d sources: 0 to %d are addresses", c.Sources, maxSources)
	}
	return nil
}

// Made is what a run did.
type Made struct {
	// Flows that the kernel took; each was new if its tuple was not in the
	// table before.
	Flows int
	// Refused packets, for want of room in the conntrack table or of buffers.
	Refused int
	Elapsed time.Duration
}

// Generate makes flows on the calling goroutine until all are made or ctx
// ends; then the error is ctx's and Made says how many there are.
func (g *Generator) Generate(ctx context.Context, cfg GenConfig) (Made, error) {
	return generate(ctx, g.ns.Do, cfg)
}

// generate makes the flows. do runs a function in the namespace.
func generate(ctx context.Context, do func(func() error) error, cfg GenConfig) (Made, error) {
	if err := cfg.check(); err != nil {
		return Made{}, fmt.Errorf("generate: %w", err)
	}
	b := newBatch(cfg.Sources)
	defer runtime.KeepAlive(b)
	var made Made
	start := time.Now()
	var err error
	for sport := firstSport; made.tried() < cfg.Flows && err == nil; sport++ {
		err = b.fromSource(ctx, do, cfg, uint16(sport), start, &made)
	}
	made.Elapsed = time.Since(start)
	if err != nil {
		return made, fmt.Errorf("generate: %w", err)
	}
	return made, nil
}

func (m *Made) tried() int { return m.Flows + m.Refused }

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// batch is what sendmmsg reads, made once: only the ports change, and the sources
// where there are many. It points into itself, so it must stay where it is.
type batch struct {
	msgs    [batchSize]mmsghdr
	to      [batchSize]unix.RawSockaddrInet4
	from    [batchSize]pktinfo
	iov     unix.Iovec
	payload [8]byte
}

// pktinfo is the control message that chooses a packet's source, of ip(7).
type pktinfo struct {
	hdr unix.Cmsghdr
	unix.Inet4Pktinfo
	_ [4]byte // CMSG_SPACE
}

func newBatch(sources int) *batch {
	b := new(batch)
	b.iov.Base = &b.payload[0]
	b.iov.SetLen(len(b.payload))
	for i := range b.msgs {
		b.to[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: generatorDst.As4()}
		h := &b.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&b.to[i]))
		h.Namelen = unix.SizeofSockaddrInet4
		h.Iov = &b.iov
		h.SetIovlen(1)
		if sources > 0 {
			c := &b.from[i]
			c.hdr.Level, c.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
			c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
			h.Control = (*byte)(unsafe.Pointer(c))
			h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
		}
	}
	return b
}

// fromSource makes the flows of one source port.
func (b *batch) fromSource(ctx context.Context, do func(func() error) error, cfg GenConfig, sport uint16, start time.Time, made *Made) error {
	src := generatorSrc.As4()
	src[3] += byte(cfg.Base)
	if cfg.Sources > 0 {
		src = [4]byte{} // each packet says which
	}
	var fd int
	err := do(func() (err error) {
		fd, err = udpSocket(src, sport)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for dport := firstDport; dport < firstDport+flowsPerSource && made.tried() < cfg.Flows; dport += batchSize {
		n := min(batchSize, cfg.Flows-made.tried())
		for i := range b.to[:n] {
			putPort(&b.to[i].Port, uint16(dport+i))
			if cfg.Sources > 0 {
				host := 1 + (made.tried()+i)%cfg.Sources
				b.from[i].Spec_dst = [4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)}
			}
		}
		if err := b.send(fd, n, made); err != nil {
			return err
		}
		if err := pace(ctx, cfg.Rate, made.tried(), start); err != nil {
			return err
		}
	}
	return nil
}

// send sends the first n packets, stepping over those that are refused.
func (b *batch) send(fd, n int, made *Made) error {
	for at := 0; at < n; {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.msgs[at])), uintptr(n-at), 0, 0, 0)
		switch {
		case errno == 0:
			at += int(sent)
			made.Flows += int(sent)
		case errno == unix.EPERM, errno == unix.ENOBUFS, errno == unix.EAGAIN:
			// conntrack drops what it has no room for: EPERM.
			at++
			made.Refused++
		case errno != unix.EINTR:
			return os.NewSyscallError("sendmmsg", errno)
		}
	}
	return nil
}

// pace waits until n flows are due at the rate.
func pace(ctx context.Context, rate, n int, start time.Time) error {
	if rate > 0 {
		due := time.Duration(float64(n) / float64(rate) * float64(time.Second))
		if ahead := due - time.Since(start); ahead > time.Millisecond {
			return pause(ctx, ahead)
		}
	}
	return ctx.Err()
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// udpSocket opens a UDP socket of the calling thread's namespace.
func udpSocket(src [4]byte, port uint16) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: src, Port: int(port)}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// putPort writes a port in network order.
func putPort(at *uint16, port uint16) {
	*(*[2]byte)(unsafe.Pointer(at)) = [2]byte{byte(port >> 8), byte(port)}
}
