//go:build linux

package probe

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/netns"
)

// Places says how commands reach network namespaces. Its methods may be called from several
// goroutines.
type Places struct {
	Sudo bool // commands need sudo(8)

	mu      sync.Mutex
	found   map[uint64]netns.Found
	scanned time.Time
}

// placesAge is how long a scan of the processes is valid.
const placesAge = time.Second

// Of returns how a command reaches a namespace: by its ip-netns(8) name, by another mount, or
// by a process in it. A namespace that is not found is addressed by n.Name, so that the command
// fails instead of running elsewhere.
func (p *Places) Of(n monitor.Namespace) doctor.Place {
	f, ok := p.find(n.Inode)
	switch name, named := strings.CutPrefix(f.Path, netns.Dir+"/"); {
	case !ok:
		return p.At(n.Name)
	case f.Own:
		return p.At("")
	case named:
		return p.At(name)
	case f.PID != 0 && strings.HasPrefix(f.Path, "/proc/"):
		return p.At(strconv.Itoa(f.PID))
	}
	return p.At(f.Path)
}

func (p *Places) find(inode uint64) (netns.Found, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var finder netns.Finder
	if time.Since(p.scanned) >= placesAge && finder.Scan() == nil {
		p.found = make(map[uint64]netns.Found)
		for _, one := range finder.Found() {
			p.found[one.Inode] = one
		}
		p.scanned = time.Now()
	}
	f, ok := p.found[inode]
	return f, ok
}

// At returns the place for a value of --netns; "" is the caller's own namespace.
func (p *Places) At(which string) doctor.Place {
	at := doctor.Place{Sudo: p.Sudo, NetNS: monitor.ShellLine(which)}
	at.Host = !p.Sudo && unix.Access("/proc/sys/net/netfilter/nf_conntrack_max", unix.W_OK) == nil
	switch _, err := strconv.ParseUint(which, 10, 31); {
	case which == "":
		at.NetNS = ""
	case strings.Contains(which, "/"):
		at.Prefix = monitor.ShellLine("nsenter", "--net="+which) + " "
	case err == nil:
		at.Prefix = "nsenter --net=/proc/" + which + "/ns/net "
	default:
		at.Prefix = monitor.ShellLine("ip", "netns", "exec", which) + " "
	}
	return at
}

// Here returns the place of the caller's own namespace.
func (p *Places) Here() doctor.Place { return p.At("") }
