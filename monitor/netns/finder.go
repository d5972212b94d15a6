//go:build linux

package netns

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Found is a network namespace of the host.
type Found struct {
	Inode uint64 // of its file in nsfs: identifies it while it exists
	Name  string // untrusted text
	Path  string // a file that opens it, unless it ends before
	PID   int    // a process in it; 0: none was found
	Own   bool   // the caller is in it

	strength strength // of Name
}

// strength compares two names of a namespace. The greater one is the better name.
type strength uint8

const (
	byProcess   strength = iota + 1 // pid:1234, which ends with the process
	byPath                          // the path of its mount
	byOwner                         // OwnName
	byNumber                        // an ip-netns(8) name that a container network made: cni-…
	byContainer                     // docker:0123456789ab
	byIPNetns                       // an ip-netns(8) name that a user gave
)

// ErrGone is returned if a namespace ended before it could be opened.
var ErrGone = errors.New("the network namespace is gone")

// Open opens the namespace's file.
func (n Found) Open() (*os.File, error) {
	f, err := os.Open(n.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return nil, ErrGone
	case err != nil:
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, os.NewSyscallError("fstat", err)
	}
	if st.Ino != n.Inode {
		f.Close() // the process is in another namespace now, or another process has its id
		return nil, ErrGone
	}
	return f, nil
}

// Finder finds the network namespaces of the host. The zero value is ready. It is not safe
// for concurrent use.
type Finder struct {
	// Unseen is the number of processes that the last Scan could not read.
	Unseen int

	proc   string // path of proc(5); "" is /proc, tests set it
	own    uint64
	mounts map[uint64]string
	pids   map[uint64]int
	links  map[int]processLink // by process id
	scans  int
	found  map[uint64]Found // the last list
	link   [64]byte
}

// processLink is the namespace of a process, as it was read.
type processLink struct {
	inode uint64
	reads uint8 // up to newReads
}

// A process enters its namespace soon after it starts, so it is read in newReads scans, and then
// in one of oldScans: to read a link costs most of a scan.
const (
	newReads = 4
	oldScans = 16
)

// Scan reads all mounts, and the processes that may be in another namespace than before.
func (f *Finder) Scan() error {
	// Processes first: ip netns add makes a namespace, is in it for a moment and then
	// mounts it. In this order it has its name when it is found.
	if err := f.scanProcesses(); err != nil {
		return fmt.Errorf("find network namespaces: %w", err)
	}
	return f.ScanMounts()
}

// ScanMounts reads only the mounts, which costs little. Namespaces of processes remain
// found.
func (f *Finder) ScanMounts() error {
	text, err := os.ReadFile(f.path("self/mountinfo"))
	if err != nil {
		return fmt.Errorf("find network namespaces: %w", err)
	}
	f.mounts = mounts(string(text))
	return nil
}

// Found returns the namespaces in the order of their names.
func (f *Finder) Found() []Found {
	found := make(map[uint64]Found, len(f.mounts)+len(f.pids))
	add := func(inode uint64) {
		n := Found{Inode: inode, Path: f.mounts[inode], PID: f.pids[inode], Own: inode == f.own}
		mount := n.Path
		if mount == "" {
			n.Path = f.path(strconv.Itoa(n.PID) + "/ns/net")
		}
		// A process may be in its namespace before it is in its container's cgroup.
		if old := f.found[inode]; old.Path == n.Path && old.PID == n.PID && old.strength > byProcess {
			n = old
		} else {
			n.Name, n.strength = f.name(mount, n.PID, n.Own)
		}
		found[inode] = n
	}
	for inode := range f.mounts {
		add(inode)
	}
	for inode := range f.pids {
		if f.mounts[inode] == "" {
			add(inode)
		}
	}
	f.found = found
	return slices.SortedFunc(maps.Values(found), func(a, b Found) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Inode, b.Inode))
	})
}

// Has reports whether the namespace was found by the last scan.
func (f *Finder) Has(inode uint64) bool {
	_, mounted := f.mounts[inode]
	return mounted || f.pids[inode] != 0
}

// scanProcesses updates the namespace of each process. Our own is read only once, because
// our threads enter others to open sockets there.
func (f *Finder) scanProcesses() error {
	proc, err := os.Open(f.path(""))
	if err != nil {
		return err
	}
	defer proc.Close()
	self := os.Getpid()
	if f.own == 0 {
		inode, err := f.namespaceOf(proc, "self")
		if err != nil {
			return err
		}
		f.own = inode
	}
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return err
	}
	f.Unseen = 0
	pids, links := map[uint64]int{f.own: self}, make(map[int]processLink, len(f.links))
	f.scans++
	for _, entry := range names {
		pid, err := strconv.Atoi(entry)
		if err != nil || pid == self {
			continue
		}
		link := f.links[pid]
		if link.reads < newReads || (pid+f.scans)%oldScans == 0 {
			link.inode, err = f.namespaceOf(proc, entry)
			link.reads = min(link.reads+1, newReads)
		}
		switch {
		case errors.Is(err, fs.ErrPermission):
			f.Unseen++
		case err == nil:
			links[pid] = link
			if pids[link.inode] == 0 || pid < pids[link.inode] {
				pids[link.inode] = pid
			}
		}
	}
	f.pids, f.links = pids, links
	return nil
}

// namespaceOf returns the inode of the namespace of a process. For a zombie that is 0,
// ENOENT or ESRCH.
func (f *Finder) namespaceOf(proc *os.File, pid string) (inode uint64, err error) {
	n, err := unix.Readlinkat(int(proc.Fd()), pid+"/ns/net", f.link[:])
	if err != nil {
		return 0, err
	}
	inode, ok := parseLink(string(f.link[:n]))
	if !ok {
		return 0, fmt.Errorf("read %s: %q", f.path(pid+"/ns/net"), f.link[:n])
	}
	return inode, nil
}

// name returns the best name of a namespace. Names that container networks (CNI)
// make for ip-netns(8) are random numbers: the container's name is better.
func (f *Finder) name(mount string, pid int, own bool) (string, strength) {
	by, how := ipName(mount), byIPNetns
	if strings.HasPrefix(by, "cni-") {
		how = byNumber
	}
	if !own && (by == "" || how == byNumber) {
		if box := f.container(pid); box != "" {
			by, how = box, byContainer
		}
	}
	switch {
	case by != "":
	case own:
		by, how = OwnName, byOwner
	case mount != "":
		by, how = mount, byPath
	default:
		by, how = "pid:"+strconv.Itoa(pid), byProcess
	}
	return by, how
}

// container returns the name of the container that a process is in, "" without one.
func (f *Finder) container(pid int) string {
	if pid == 0 {
		return ""
	}
	text, err := os.ReadFile(f.path(strconv.Itoa(pid) + "/cgroup"))
	if err != nil {
		return ""
	}
	return ContainerOf(string(text))
}

// Own returns the name of the caller's own namespace: its ip-netns(8) name if there is
// one, otherwise OwnName. It is untrusted text.
func Own() string { return new(Finder).ownName() }

// ownName reads only the caller's namespace and the mounts.
func (f *Finder) ownName() string {
	link, _ := os.Readlink(f.path("self/ns/net"))
	inode, ok := parseLink(link)
	if !ok || f.ScanMounts() != nil {
		return OwnName
	}
	name, _ := f.name(f.mounts[inode], 0, true)
	return name
}

// OwnName is the name of the caller's own namespace if it has no other.
const OwnName = "host"

// path returns the path of a file in proc(5).
func (f *Finder) path(name string) string { return cmp.Or(f.proc, "/proc") + "/" + name }
