//go:build linux

package capture

import (
	"cmp"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// member is a network namespace that is captured: the only one, which has the number
// 0, or one of many.
type member struct {
	id   monitor.NetNS
	ns   int      // its descriptor; 0: the caller's
	file *os.File // keeps the namespace alive; nil: the descriptor is not ours
	own  bool     // it is the caller's
	late bool     // found after Open has returned
	stop func()   // ends what follows its addresses; nil: nothing does

	fd       int         // the socket that receives its events
	counters bpfCounters // of the socket's program; nil without one
	reported uint64      // lost events that events of KindLost have reported

	// By ring.
	dropped uint32 // drops of the socket, when they were last read
	pending monitor.Gap
	gone    bool   // its socket is closed
	until   uint64 // then: where its last record ends

	// By socket.
	size     int            // bytes of its buffer
	overrun  bool           // ENOBUFS came, its gap is not reported yet
	before   monitor.Time   // the last event before that
	here     monitor.Filter // Config.Push, if the kernel does not apply it; else nil
	unpushed error          // why not
	left     uint64         // events that here did not want
}

// leftOut returns how many events Config.Push did not want.
func (m *member) leftOut() uint64 { return m.left + m.counters.load(counterLeft) }

// closeSocket closes the socket, so that no event comes any more.
func (m *member) closeSocket() {
	if m.fd != 0 {
		unix.Close(m.fd)
		m.fd = 0
	}
}

// queue is where the kernel puts events: one ring for all members, or a socket each.
// One goroutine calls it, but open may be called from another one meanwhile.
type queue interface {
	// open opens the socket of a member, which joins no group yet.
	open(m *member) (*netlink.Conn, error)
	// admit begins to read a member.
	admit(m *member) error
	// read appends events until the queue is dry or the batch is full.
	read(b *monitor.Batch) (reading, error)
	// finish reads what is left of a member that is gone, and reports whether that
	// is all.
	finish(m *member, b *monitor.Batch) (done bool, err error)
	// unreported returns how many events of a member are lost and not reported yet.
	unreported(m *member) uint64
	close()
}

// dial opens the member's socket and calls setUp with it. The member's descriptor is a
// second one, which Go's poller does not know. The caller closes both.
func (m *member) dial(setUp func(*netlink.Conn) error) (*netlink.Conn, error) {
	conn, err := netns.Dial(unix.NETLINK_NETFILTER, m.ns)
	if err != nil {
		return nil, err
	}
	if err = setUp(conn); err == nil {
		err = control(conn, func(fd int) (err error) {
			m.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 1)
			return os.NewSyscallError("fcntl", err)
		})
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// load loads a program into the socket and maps its counters.
func (m *member) load(conn *netlink.Conn, p *bpfProgram, err error) error {
	if err != nil {
		return err
	}
	defer p.close()
	if m.counters, err = mapCounters(p.counters.FD()); err != nil {
		return err
	}
	return control(conn, func(fd int) error {
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, p.prog.FD())
		return os.NewSyscallError("setsockopt SO_ATTACH_BPF", err)
	})
}

// control calls f with the connection's descriptor.
func control(conn *netlink.Conn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return cmp.Or(cerr, err)
}
