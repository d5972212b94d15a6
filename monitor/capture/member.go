//go:build linux

package capture

import (
	"cmp"
	"os"

	"github.com/cilium/ebpf"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/netns"
)

// member is one captured network namespace. Its number is 0 if it is the only one.
type member struct {
	id   monitor.NetNS
	ns   int      // its file descriptor; 0: the caller's namespace
	file *os.File // keeps the namespace alive; nil: the caller owns the descriptor
	own  bool     // it is the caller's own namespace
	late bool     // found after Open has returned
	stop func()   // stops following its addresses; nil: they are not followed

	fd       int         // the socket that receives its events
	counters bpfCounters // of the socket's program
	reported uint64      // lost events that were reported

	// By ring.
	dropped uint32 // drops of the socket at the last reading
	pending monitor.Gap
	gone    bool   // its socket is closed
	until   uint64 // if gone: the end of its last record

	// By socket.
	size     int            // bytes of its buffer
	overrun  bool           // ENOBUFS came, and its gap is not reported yet
	before   monitor.Time   // time of the last event before that
	here     monitor.Filter // Config.Push, if the kernel does not apply it; else nil
	unpushed error          // why not
	left     uint64         // events that here did not select
}

// leftOut returns how many events Config.Push did not select.
func (m *member) leftOut() uint64 { return m.left + m.counters.load(counterLeft) }

// closeSocket closes the socket; no events come after that.
func (m *member) closeSocket() {
	if m.fd != 0 {
		unix.Close(m.fd)
		m.fd = 0
	}
}

// queue is where the kernel puts events: one ring for all members, or a socket for each. One
// goroutine calls its methods; another one may call open at the same time.
type queue interface {
	// open opens the socket of a member, which has joined no group yet.
	open(m *member) (*netlink.Conn, error)
	// awaited are the events of a member's socket, beside errors, that end a wait.
	awaited() uint32
	// read appends events until the queue is empty or the batch is full.
	read(b *monitor.Batch) (reading, error)
	// finish reads the last events of an ended member. done is true after the last one.
	finish(m *member, b *monitor.Batch) (done bool, err error)
	// unreported returns how many lost events of a member are not reported yet.
	unreported(m *member) uint64
	close()
}

// shared is what queues use of the capture. The caller of a queue guards members.
type shared struct {
	cfg     Config
	out     *events
	wait    *waiter
	members map[monitor.NetNS]*member
}

// dial opens the member's socket and calls setUp with it. The member uses a second descriptor,
// which Go's poller does not watch. The caller closes both.
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

// load loads a program into the socket. ring is nil for the program of a socket.
func (m *member) load(conn *netlink.Conn, ring *ebpf.Map, push filter.Expr) error {
	p, err := newProgram(ring, push, m.id)
	if err != nil {
		return err
	}
	defer p.prog.Close() // it lives on in the socket
	m.counters = p.counters
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
