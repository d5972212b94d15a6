package conntrack

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ProgName returns a function that returns the name of the program with a netfilter netlink
// port. Like conntrack(8), it finds the process by the inode of the socket among its open
// files. table opens the net/netlink of proc(5) of a network namespace; nil: that of this
// process. The name is untrusted text, and "" if the process has ended or may not be read. A
// call reads the table, and for another port than the last one all of /proc.
func ProgName(table func() (io.ReadCloser, error)) func(portid uint32) string {
	return (&progNames{proc: "/proc", table: table}).find
}

// progNames keeps the last answer.
type progNames struct {
	proc   string
	table  func() (io.ReadCloser, error) // nil: net/netlink of proc
	portid uint32                        // of the last answer; 0: none
	inode  string                        // of its socket; "": none
	name   string
}

// tries is how often the table is read before a port counts as closed. While sockets are opened
// and closed anywhere on the host, the kernel may omit entries.
const tries = 3

func (p *progNames) find(portid uint32) string {
	same := portid == p.portid
	left := tries
	if same && p.inode == "" {
		left = 1 // a closed port may have sent thousands of events
	}
	inode := ""
	for ; left > 0 && inode == ""; left-- {
		inode = p.socket(portid)
	}
	if same && inode == p.inode {
		return p.name
	}
	p.portid, p.inode, p.name = portid, inode, ""
	if inode != "" {
		p.name = p.holder(portid, "socket:["+inode+"]")
	}
	return p.name
}

// socket returns the inode of the port's socket, from /proc/net/netlink:
//
//	sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
//	0000000000000000 12  4242       00000007 0        0        0     2        0        12345
func (p *progNames) socket(portid uint32) string {
	const netfilter = "12" // NETLINK_NETFILTER
	open := p.table
	if open == nil {
		open = func() (io.ReadCloser, error) { return os.Open(filepath.Join(p.proc, "net/netlink")) }
	}
	f, err := open()
	if err != nil {
		return ""
	}
	defer f.Close()
	want := strconv.FormatUint(uint64(portid), 10)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) >= 10 && w[1] == netfilter && w[2] == want {
			return w[9]
		}
	}
	return ""
}

// holder returns the name of the process that has the socket open. Most ports have the
// number of their process, so that one is read first.
func (p *progNames) holder(portid uint32, socket string) string {
	if name, ok := p.holds(strconv.FormatUint(uint64(portid), 10), socket); ok {
		return name
	}
	entries, _ := os.ReadDir(p.proc) // no entries: no name
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 1 {
			if name, ok := p.holds(e.Name(), socket); ok {
				return name
			}
		}
	}
	return ""
}

// holds returns the name of a process that has the socket open: the text between the
// parentheses in /proc/PID/stat.
func (p *progNames) holds(pid, socket string) (name string, ok bool) {
	dir := filepath.Join(p.proc, pid, "fd")
	files, _ := os.ReadDir(dir) // none if the process has ended
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && to == socket {
			text, _ := os.ReadFile(filepath.Join(p.proc, pid, "stat"))
			_, rest, _ := strings.Cut(string(text), "(")
			name, _, _ = strings.Cut(rest, ")")
			return name, true
		}
	}
	return "", false
}
