package conntrack

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// netlinkNetfilter is NETLINK_NETFILTER of linux/netlink.h.
const netlinkNetfilter = "12"

// ProgName returns a function that names the program behind a netfilter netlink
// port of a network namespace, as conntrack(8) does: by the socket's inode among
// the open files of all processes. table opens the namespace's net/netlink of
// proc(5); nil means that of this process. The answer is "" where the process is
// gone or may not be looked at. It reads the table at each call, up to three times
// for a port that is not in it, and more of /proc for a port that is not the last
// one; the answer is untrusted text.
func ProgName(table func() (io.ReadCloser, error)) func(portid uint32) string {
	return progNames{proc: "/proc", table: table, last: map[uint32]progName{}}.find
}

type progName struct{ inode, name string }

// progNames remembers the last answer, under its port, with an empty inode for a
// port that is in no table.
type progNames struct {
	proc  string
	table func() (io.ReadCloser, error) // nil: net/netlink of proc
	last  map[uint32]progName
}

// looks is how often the table is read before a port is taken to be gone: while
// sockets come and go anywhere on the host, the kernel may leave entries out of it.
const looks = 3

func (p progNames) find(portid uint32) string {
	last, asked := p.last[portid]
	tries := looks
	if asked && last.inode == "" {
		tries = 1 // a port that was gone, which may have sent thousands of events
	}
	var inode string
	for range tries {
		if inode = p.inode(portid); inode != "" {
			break
		}
	}
	if asked && last.inode == inode {
		return last.name
	}
	clear(p.last)
	last = progName{inode: inode}
	if inode != "" {
		last.name = p.holder(portid, inode)
	}
	p.last[portid] = last
	return last.name
}

func (p progNames) open() (io.ReadCloser, error) {
	if p.table != nil {
		return p.table()
	}
	return os.Open(filepath.Join(p.proc, "net/netlink"))
}

// inode looks the port up in /proc/net/netlink:
//
//	sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
//	0000000000000000 12  4242       00000007 0        0        0     2        0        12345
func (p progNames) inode(portid uint32) string {
	f, err := p.open()
	if err != nil {
		return ""
	}
	defer f.Close()
	want := strconv.FormatUint(uint64(portid), 10)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) >= 10 && w[1] == netlinkNetfilter && w[2] == want {
			return w[9]
		}
	}
	return ""
}

// holder returns the name of the process that has the socket open. Most ports are
// the number of their process, so that one is asked first.
func (p progNames) holder(portid uint32, inode string) string {
	socket := "socket:[" + inode + "]"
	first := strconv.FormatUint(uint64(portid), 10)
	if p.holds(first, socket) {
		return p.name(first)
	}
	entries, err := os.ReadDir(p.proc)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 1 && p.holds(e.Name(), socket) {
			return p.name(e.Name())
		}
	}
	return ""
}

func (p progNames) holds(pid, socket string) bool {
	dir := filepath.Join(p.proc, pid, "fd")
	files, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && to == socket {
			return true
		}
	}
	return false
}

// name returns what stands between the parentheses of /proc/pid/stat.
func (p progNames) name(pid string) string {
	text, err := os.ReadFile(filepath.Join(p.proc, pid, "stat"))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), "(")
	name, _, _ := strings.Cut(rest, ")")
	return name
}
