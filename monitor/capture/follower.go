//go:build linux

package capture

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// follower finds network namespaces as they come and go, and follows their
// addresses, in one goroutine that waits for all of this at once:
//
//	a mount was made or taken away    mountinfo of proc(5) is readable (EPOLLPRI)
//	addresses changed                 a route socket in each namespace
//	a socket of the ring has an error
//	it is time to look at processes   nothing tells of those
//	the capture is closed
type follower struct {
	cfg    EveryConfig
	roster *roster
	taker  gatherer
	finder netns.Finder

	epoll  int
	stop   int // eventfd
	mounts int // mountinfo

	byInode map[uint64]*followed
	byFD    map[int32]*followed
	refused map[uint64]string // names of what can't be captured: said, and not tried again
	unseen  int               // processes that the first look could not look into
	next    time.Time         // of the next look at processes
	ended   time.Time         // of the last
	took    time.Duration

	running sync.WaitGroup
}

// followed is a namespace as the follower sees it.
type followed struct {
	*member
	route  int // socket that hears of addresses
	missed int // looks that did not find it any more
}

// The intervals of looks at processes. A look costs two system calls a process:
// it is not done for more than a twentieth of the time.
const (
	scanEvery  = 250 * time.Millisecond
	scanPause  = 20 * time.Millisecond // where one is waited for
	scanFactor = 20
)

// missedLooks is how many looks a namespace must be missing from to be gone: a
// process that is born while another one ends may escape one look.
const missedLooks = 2

func newFollower(cfg EveryConfig, r *roster, taker gatherer) (*follower, error) {
	f := &follower{
		cfg: cfg, roster: r, taker: taker, epoll: -1, stop: -1, mounts: -1,
		byInode: map[uint64]*followed{}, byFD: map[int32]*followed{}, refused: map[uint64]string{},
	}
	if err := f.open(); err != nil {
		f.release()
		return nil, fmt.Errorf("find network namespaces: %w", err)
	}
	return f, nil
}

func (f *follower) open() (err error) {
	if f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if f.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if f.mounts, err = unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("open", err)
	}
	return errors.Join(f.await(f.stop, unix.EPOLLIN), f.await(f.mounts, unix.EPOLLPRI))
}

// begin takes the namespaces in that are there, and follows the others.
func (f *follower) begin() error {
	if err := f.finder.Scan(); err != nil {
		return err
	}
	f.unseen = f.finder.Unseen
	all := f.wanted()
	// The caller's own first: without it there is no capture, and nothing to be
	// said of the others.
	slices.SortStableFunc(all, func(a, b netns.Found) int { return cmp.Compare(ownRank(a), ownRank(b)) })
	var last error
	for _, n := range all {
		err := f.take(n, false)
		if err != nil && n.Own {
			return err
		}
		last = cmp.Or(err, last)
	}
	if len(f.byInode) == 0 && last != nil {
		return last
	}
	f.ended = time.Now()
	f.next = f.soonest(scanEvery)
	f.running.Go(f.run)
	return nil
}

func ownRank(n netns.Found) int {
	if n.Own {
		return 0
	}
	return 1
}

// close ends the goroutine.
func (f *follower) close() {
	var one [8]byte
	one[0], one[7] = 1, 1 // not zero in either byte order
	unix.Write(f.stop, one[:])
	f.running.Wait()
	for _, w := range f.byInode {
		unix.Close(w.route)
	}
	clear(f.byInode)
	f.release()
}

func (f *follower) release() {
	for _, fd := range []*int{&f.epoll, &f.stop, &f.mounts} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

func (f *follower) await(fd int, events uint32) error {
	err := unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	return os.NewSyscallError("epoll_ctl", err)
}

// run waits and looks, until the capture is closed.
func (f *follower) run() {
	var events [64]unix.EpollEvent
	for {
		wait := max(time.Until(f.next), 0)
		n, err := unix.EpollWait(f.epoll, events[:], int((wait+time.Millisecond-1)/time.Millisecond))
		if err != nil && err != unix.EINTR {
			return // can't be: the descriptors are ours
		}
		for _, e := range events[:max(n, 0)] {
			switch w := f.byFD[e.Fd]; {
			case int(e.Fd) == f.stop:
				return
			case int(e.Fd) == f.mounts:
				f.lookAtMounts()
			case w == nil: // gone meanwhile
			case int(e.Fd) == w.route:
				f.addresses(w)
			default:
				f.taker.failed(w.member)
			}
		}
		if !time.Now().Before(f.next) {
			f.lookAtProcesses()
		}
	}
}

// lookAtMounts takes in what was mounted. Whether what is mounted no more is gone,
// only a look at the processes tells: the next one then comes soon.
func (f *follower) lookAtMounts() {
	if f.finder.ScanMounts() != nil {
		return // read again with the processes
	}
	f.takeNew()
	if next := f.soonest(scanPause); f.dropGone(false) && next.Before(f.next) {
		f.next = next
	}
}

func (f *follower) lookAtProcesses() {
	began := time.Now()
	err := f.finder.Scan()
	f.ended = time.Now()
	f.took = f.ended.Sub(began)
	f.next = f.soonest(scanEvery)
	if err != nil {
		return // the next time, then
	}
	f.takeNew()
	if f.dropGone(true) {
		f.next = f.soonest(scanPause)
	}
}

// soonest returns when the next look at the processes may be.
func (f *follower) soonest(pause time.Duration) time.Time {
	return f.ended.Add(max(pause, scanFactor*f.took))
}

// takeNew takes in what the last scan found new.
func (f *follower) takeNew() {
	for _, n := range f.wanted() {
		switch w := f.byInode[n.Inode]; {
		case w != nil && w.Name != n.Name:
			w.Name = n.Name
			f.roster.names.Rename(w.id, n.Name)
		case w == nil && f.refused[n.Inode] != n.Name: // an inode may be another one's by now
			f.take(n, true)
		}
	}
	for inode := range f.refused {
		if !f.finder.Has(inode) {
			delete(f.refused, inode)
		}
	}
}

// dropGone lets go of what the last scan, which was one of the processes or not,
// did not find any more. It reports whether some namespaces are to be looked for
// once more.
func (f *follower) dropGone(processes bool) (again bool) {
	for inode, w := range f.byInode {
		switch {
		case f.finder.Has(inode):
			w.missed = 0
			continue
		case processes:
			w.missed++
		default:
			w.missed = max(w.missed, 1)
		}
		if w.missed >= missedLooks {
			f.drop(w)
			continue
		}
		again = true
	}
	return again
}

func (f *follower) wanted() (all []netns.Found) {
	all = f.finder.Found()
	if f.cfg.Wanted == nil {
		return all
	}
	n := 0
	for _, found := range all {
		if f.cfg.Wanted(found) {
			all[n] = found
			n++
		}
	}
	return all[:n]
}
