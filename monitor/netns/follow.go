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

// FollowConfig says who hears of the namespaces. One goroutine at a time calls the
// functions.
type FollowConfig struct {
	// Came is called for each namespace that is found, for the caller's own first.
	// late says that Follow has returned before. If Came returns nil the file is
	// its own to close, which it must not do before Gone.
	Came func(n Found, file *os.File, late bool) error

	// Renamed is called when a stronger name of a namespace is found.
	Renamed func(n Found)

	// Gone is called when a namespace is mounted nowhere and no process is in it.
	Gone func(n Found)

	// Refused is called once for each namespace whose Came has failed, but not for
	// the caller's own before Follow returns. Nil: nobody wants to know.
	Refused func(name string, err error)

	// Wanted chooses among the namespaces; nil: all.
	Wanted func(Found) bool
}

// Follower reports network namespaces as they come and go. A mount is seen at once,
// a process in a new namespace by the next scan.
type Follower struct {
	cfg    FollowConfig
	finder Finder
	unseen int // processes that the first scan could not read

	mounts *os.File // mountinfo of proc(5), which the poller reports when it changes
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

// A scan costs two system calls a process: it takes no more than a twentieth of the
// time.
const (
	scanEvery  = 250 * time.Millisecond
	scanSoon   = 20 * time.Millisecond // if a namespace seems to be gone
	scanFactor = 20
)

// missedScans is how many scans a namespace must be missing from to be gone: one
// scan may miss a process that starts while another one ends.
const missedScans = 2

// Follow calls Came for the namespaces that there are, and follows the others until
// Close. It returns an error if the caller's own is not to be had, or none is.
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

// Close ends the follower. No function is called any more when it returns.
func (f *Follower) Close() {
	f.mounts.Close()
	f.running.Wait()
}

// Unseen returns how many processes could not be read at the start: the namespaces
// that only they live in were not found.
func (f *Follower) Unseen() int { return f.unseen }

// begin takes the namespaces that there are.
func (f *Follower) begin() error {
	if err := f.finder.Scan(); err != nil {
		return err
	}
	f.unseen = f.finder.Unseen
	all := f.wanted()
	slices.SortStableFunc(all, func(a, b Found) int { return cmp.Compare(ownRank(a), ownRank(b)) })
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
	f.next = f.soonest(scanEvery)
	return nil
}

func ownRank(n Found) int {
	if n.Own {
		return 0
	}
	return 1
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
			f.scanMounts()
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return // closed
		}
		if !time.Now().Before(f.next) {
			f.scan()
		}
	}
}

// scanMounts takes what was mounted. Only a scan of the processes shows whether what
// is mounted no more is gone: the next one then comes soon.
func (f *Follower) scanMounts() {
	if f.finder.ScanMounts() != nil {
		return // read again with the processes
	}
	f.takeNew()
	if next := f.soonest(scanSoon); f.dropGone(false) && next.Before(f.next) {
		f.next = next
	}
}

func (f *Follower) scan() {
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
		f.next = f.soonest(scanSoon)
	}
}

// soonest returns when the next scan of the processes may be.
func (f *Follower) soonest(pause time.Duration) time.Time {
	return f.ended.Add(max(pause, scanFactor*f.took))
}

// takeNew takes what the last scan found new. A namespace keeps its name unless a
// stronger one is found.
func (f *Follower) takeNew() {
	for _, n := range f.wanted() {
		switch w := f.here[n.Inode]; {
		case w != nil && better(n, w.Found):
			w.Found = n
			f.cfg.Renamed(n)
		case w == nil && f.failed[n.Inode] != n.Name: // an inode may be another one's by now
			f.take(n, true)
		}
	}
	for inode := range f.failed {
		if !f.finder.Has(inode) {
			delete(f.failed, inode)
		}
	}
}

// better reports whether the new name of a namespace is stronger. The id of a process
// is replaced by another one: the process has ended, or has moved elsewhere.
func better(n, old Found) bool {
	return n.strength > old.strength || n.strength == byProcess && old.strength == byProcess && n.Name != old.Name
}

// dropGone drops what the last scan, which was one of the processes or not, did not
// find any more. It reports whether to scan again soon.
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
