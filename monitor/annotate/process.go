//go:build linux

package annotate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processes finds the process that has a socket open. The zero value is ready to use.
type processes struct {
	byInode map[uint64]process // of sockets
	users   map[uint32]string
	wanted  map[uint64]bool // inodes of the current search
	missed  map[uint64]bool // inodes that the processes of their cgroup do not have
	files   int             // how many the current search has read
	resume  time.Time       // no search before then
	all     pause           // between two searches of all processes
	link    [64]byte
}

type process struct {
	pid  uint32
	name string
}

// After a search of more than manyFiles files, the next search waits for about as long as that
// one took: fileTime for each file.
const (
	manyFiles = 4096
	fileTime  = 3 * time.Microsecond
)

// maxInodes is the maximum number of remembered sockets.
const maxInodes = 1 << 16

// findAll adds the processes of the sockets that were found to byInode. It first searches the
// processes of each socket's cgroup, which are few. A socket that they do not have is closed
// already, or was created in another cgroup: only if a later call asks for it again does findAll
// search all processes.
func (p *processes) findAll(asked []question, groups *cgroups) {
	if p.byInode == nil || len(p.byInode) > maxInodes || len(p.missed) > maxInodes {
		p.byInode, p.wanted, p.missed = map[uint64]process{}, map[uint64]bool{}, map[uint64]bool{}
	}
	clear(p.wanted)
	var ids []uint64
	for i := range asked {
		s := &asked[i].found
		if _, known := p.byInode[s.inode]; known || s.inode == 0 {
			continue
		}
		p.wanted[s.inode] = true
		if !slices.Contains(ids, s.cgroup) {
			ids = append(ids, s.cgroup)
		}
	}
	everywhere := false
	if p.files = 0; len(ids) == 0 || time.Now().Before(p.resume) {
		return
	}
	for _, id := range ids {
		if pids := groups.processes(id); len(pids) > 0 {
			p.search(pids)
		} else {
			everywhere = true
		}
	}
	if p.files > manyFiles {
		p.resume = time.Now().Add(time.Duration(p.files) * fileTime)
	}
	for inode := range p.wanted {
		everywhere = everywhere || p.missed[inode]
		p.missed[inode] = true
	}
	if everywhere && len(p.wanted) > 0 {
		p.all.do(func() {
			if dir, err := os.Open("/proc"); err == nil {
				names, _ := dir.Readdirnames(-1) // on an error, those that were read
				dir.Close()
				p.search(numbers(names))
			}
		})
	}
}

// numbers returns the process ids among words: the names in /proc, or a list of processes.
func numbers(words []string) (pids []int) {
	for _, word := range words {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// search reads the open files of processes, in the order of their ids, until no socket is
// wanted any more. A socket that several processes share belongs to the lowest id. It sorts
// pids.
func (p *processes) search(pids []int) {
	slices.Sort(pids)
	for _, pid := range pids {
		if len(p.wanted) == 0 {
			return
		}
		p.read(pid)
	}
}

// read adds the sockets that a process has open to byInode, until no socket is wanted any more.
// It skips a process that is gone or can't be read.
func (p *processes) read(pid int) {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	var found process
	p.files += len(names)
	for _, name := range slices.Backward(names) { // a new socket has a high number
		n, err := unix.Readlinkat(int(dir.Fd()), name, p.link[:])
		if err != nil {
			continue
		}
		inode, ok := socketInode(p.link[:n])
		if _, known := p.byInode[inode]; !ok || known {
			continue
		}
		if found.pid == 0 {
			found = process{uint32(pid), nameOf(pid)}
		}
		p.byInode[inode] = found
		if delete(p.wanted, inode); len(p.wanted) == 0 {
			return
		}
	}
}

// socketInode returns the inode in the link of an open file, which is socket:[1234] for a
// socket. ok is false for other files.
func socketInode(link []byte) (inode uint64, ok bool) {
	digits, ok := bytes.CutPrefix(link, []byte("socket:["))
	if !ok {
		return 0, false
	}
	digits, ok = bytes.CutSuffix(digits, []byte("]"))
	inode, err := strconv.ParseUint(string(digits), 10, 64)
	return inode, ok && err == nil
}

// nameOf returns the name of a process (comm), at most 15 bytes; "" if it is gone.
func nameOf(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// user returns the name of a user, or the id in decimal if it has none.
func (p *processes) user(uid uint32) string {
	if name, ok := p.users[uid]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if p.users == nil || len(p.users) > maxInodes {
		p.users = map[uint32]string{}
	}
	p.users[uid] = name
	return name
}

// ErrPtrace means that CAP_SYS_PTRACE is missing, so that the processes of other users can't be
// searched.
var ErrPtrace = errors.New("the processes of other users, and containers of forwarded flows, need CAP_SYS_PTRACE " +
	"and are left out; users are shown")

// denied returns ErrPtrace if the files of another user's process can't be read. Without the
// capability, root can list the files of its other processes but not read them. In a user
// namespace, the capability does not help with processes outside.
func denied() error {
	var own [2]unix.CapUserData
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_, err := os.ReadDir("/proc/1/fd")
	if errors.Is(err, fs.ErrPermission) || unix.Capget(&head, &own[0]) != nil ||
		own[0].Effective&(1<<unix.CAP_SYS_PTRACE) == 0 {
		return ErrPtrace
	}
	return nil
}

// pause limits the share of time that an expensive function takes. The zero value is ready to
// use.
type pause struct{ next time.Time }

// pauseFactor is how many times longer than the call the pause after it is: the share is 1/5.
const pauseFactor = 4

// do calls f, or does nothing during the pause after the last call.
func (p *pause) do(f func()) {
	began := time.Now()
	if began.Before(p.next) {
		return
	}
	f()
	ended := time.Now()
	p.next = ended.Add(pauseFactor * ended.Sub(began))
}
