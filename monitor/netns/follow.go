//go:build linux

package netns

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// FollowConfig has the functions that Follow calls, from one goroutine at a time.
type FollowConfig struct {
	// Came is called for each namespace that is found, first for the caller's own. late
	// is true after Follow has returned. If Came returns nil, it owns the file and closes
	// it, but not before Gone.
	Came func(n Found, file *os.File, late bool) error

	// Renamed is called when a stronger name of a namespace is found, or the first process in it.
	Renamed func(n Found)

	// Gone is called when a namespace has no mount and no process any more.
	Gone func(n Found)

	// Refused is called once for each namespace whose Came has failed, but not for the
	// caller's own before Follow returns. It may be nil.
	Refused func(name string, err error)

	// Wanted selects namespaces; nil: all.
	Wanted func(Found) bool

	// Every is the time between scans of the processes; 0: scanEvery.
	Every time.Duration
}

// Follower reports network namespaces that appear and end. It finds a mount at once, and a
// process in a new namespace with the next scan.
type Follower struct {
	cfg    FollowConfig
	finder Finder
	unseen int // processes that the first scan could not read

	mounts *os.File // mountinfo of proc(5); the poller reports its changes
	here   map[uint64]*followed
	failed map[uint64]string // names of those whose Came has failed: not tried again

	next  time.Time // of the next scan of processes
	ended time.Time // of the last
	took  time.Duration

	running sync.WaitGroup
}

// followed is a namespace whose Came has returned nil.
type followed struct {
	Found
	missed int // scans that did not find it any more
}

// A scan makes two system calls for each process. Scans take at most a twentieth of the
// time.
const (
	scanEvery  = 250 * time.Millisecond
	scanSoon   = 20 * time.Millisecond // if a namespace seems to be gone
	scanFactor = 20
)

// missedScans is the number of scans without a namespace after which it is gone. One scan
// may miss a process that starts while another one ends.
const missedScans = 2

// Follow calls Came for the existing namespaces, and for later ones until Close. It
// returns an error if Came failed for the caller's own, or for all.
func Follow(cfg FollowConfig) (*Follower, error) {
	f := &Follower{cfg: cfg, here: map[uint64]*followed{}, failed: map[uint64]string{}}
	// Nonblocking, so that the runtime's poller takes it.
	fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("find network namespaces: %w", os.NewSyscallError("open", err))
	}
	f.mounts = os.NewFile(uintptr(fd), "mountinfo")
	raw, err := f.mounts.SyscallConn()
	if err == nil {
		err = f.begin()
	}
	if err != nil {
		f.mounts.Close()
		return nil, err
	}
	f.running.Go(func() { f.run(raw) })
	return f, nil
}

// Close ends the follower. It calls no function after it has returned.
func (f *Follower) Close() {
	f.mounts.Close()
	f.running.Wait()
}

// Unseen returns the number of processes that could not be read at the start. Namespaces
// that only they are in were not found.
func (f *Follower) Unseen() int { return f.unseen }

// begin takes the existing namespaces.
func (f *Follower) begin() error {
	if err := f.finder.Scan(); err != nil {
		return err
	}
	f.unseen = f.finder.Unseen
	all := f.wanted()
	if i := slices.IndexFunc(all, func(n Found) bool { return n.Own }); i >= 0 {
		own := all[i] // the first: without it there is nothing to report of the others
		all = slices.Insert(slices.Delete(all, i, i+1), 0, own)
	}
	var last error
	for _, n := range all {
		err := f.take(n, false)
		if err != nil && n.Own {
			return err
		}
		last = cmp.Or(err, last)
	}
	if len(f.here) == 0 && last != nil {
		return last
	}
	f.ended = time.Now()
	f.next = f.soonest(cmp.Or(f.cfg.Every, scanEvery))
	return nil
}

// take calls Came for a namespace.
func (f *Follower) take(n Found, late bool) error {
	file, err := n.Open()
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err == nil {
		if err = f.cfg.Came(n, file, late); err != nil {
			file.Close()
		}
	}
	if err == nil {
		f.here[n.Inode] = &followed{Found: n}
		return nil
	}
	err = fmt.Errorf("network namespace %s: %w", n.Name, Privilege(err))
	f.failed[n.Inode] = n.Name
	if f.cfg.Refused != nil && !(n.Own && !late) {
		f.cfg.Refused(n.Name, err)
	}
	return err
}

// run waits for mounts and for the time of the next scan.
func (f *Follower) run(mounts syscall.RawConn) {
	for {
		f.mounts.SetReadDeadline(f.next)
		asked := false
		err := mounts.Read(func(uintptr) bool {
			again := asked
			asked = true
			return again // the first call is before the wait
		})
		switch {
		case err == nil:
			f.scan(false)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return // closed
		}
		if !time.Now().Before(f.next) {
			f.scan(true)
		}
	}
}

// scan takes new namespaces and drops those that are gone. Whether a namespace without a mount has ended is shown only
// by a scan of the processes too, which then follows soon.
func (f *Follower) scan(processes bool) {
	began, scan := time.Now(), f.finder.ScanMounts
	if processes {
		scan = f.finder.Scan
	}
	err := scan()
	if processes {
		f.ended = time.Now()
		f.took = f.ended.Sub(began)
		f.next = f.soonest(cmp.Or(f.cfg.Every, scanEvery))
	}
	if err != nil {
		return // until the next scan
	}
	f.takeNew()
	if next := f.soonest(scanSoon); f.dropGone(processes) && next.Before(f.next) {
		f.next = next
	}
}

// soonest returns the earliest time of the next scan of the processes.
func (f *Follower) soonest(pause time.Duration) time.Time {
	return f.ended.Add(max(pause, scanFactor*f.took))
}

// takeNew takes the new namespaces of the last scan. A namespace keeps its name until a
// stronger one is found.
func (f *Follower) takeNew() {
	for _, n := range f.wanted() {
		switch w := f.here[n.Inode]; {
		case w != nil && better(n, w.Found):
			w.Found = n
			f.cfg.Renamed(n)
		case w == nil && f.failed[n.Inode] != n.Name: // the inode may have been reused
			f.take(n, true)
		}
	}
	for inode := range f.failed {
		if !f.finder.Has(inode) {
			delete(f.failed, inode)
		}
	}
}

// better reports whether the new name of a namespace is stronger, or as strong and with a process.
// A process id is also replaced by another one, because the process has ended or left.
func better(n, old Found) bool {
	return n.strength > old.strength || n.strength == old.strength &&
		(n.strength == byProcess && n.Name != old.Name || n.PID != 0 && old.PID == 0)
}

// dropGone drops namespaces that the last scan did not find. processes is true if that
// scan read the processes. It reports whether to scan again soon.
func (f *Follower) dropGone(processes bool) (again bool) {
	for inode, w := range f.here {
		switch {
		case f.finder.Has(inode):
			w.missed = 0
			continue
		case processes:
			w.missed++
		default:
			w.missed = max(w.missed, 1)
		}
		if w.missed >= missedScans {
			delete(f.here, inode)
			f.cfg.Gone(w.Found)
			continue
		}
		again = true
	}
	return again
}

func (f *Follower) wanted() []Found {
	all := f.finder.Found()
	if f.cfg.Wanted == nil {
		return all
	}
	return slices.DeleteFunc(all, func(n Found) bool { return !f.cfg.Wanted(n) })
}
