//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// take begins to capture a namespace.
func (f *follower) take(n netns.Found, late bool) error {
	file, err := n.Open()
	if errors.Is(err, netns.ErrGone) {
		return nil
	}
	if err == nil {
		if err = f.enter(&member{Found: n, late: late, file: file, fd: -1}); err != nil {
			file.Close()
		}
	}
	if err != nil {
		err = fmt.Errorf("network namespace %s: %w", n.Name, netns.Privilege(err))
		f.refused[n.Inode] = n.Name
		if f.cfg.Refused != nil && !(n.Own && !late) {
			f.cfg.Refused(n.Name, err)
		}
	}
	return err
}

var errManyNamespaces = errors.New("there are more network namespaces than can be numbered")

// enter opens the sockets in the member's namespace and hands it to the reader.
// On an error the member's file is the caller's to close.
func (f *follower) enter(m *member) error {
	var ok bool
	if m.id, ok = f.roster.names.Add(monitor.Namespace{Name: m.Name, Inode: m.Inode}); !ok {
		return errManyNamespaces
	}
	w := &followed{member: m, route: -1}
	conn, err := f.prepare(w)
	if err == nil {
		defer conn.Close() // its duplicate stays
		err = f.roster.arrive(m, func() error { return join(conn, f.cfg.Kinds) })
	}
	if err != nil {
		f.forget(w)
		m.closeSocket()
		f.roster.names.End(m.id)
		return err
	}
	f.byInode[m.Inode] = w
	return nil
}

// prepare opens what enter hands over.
func (f *follower) prepare(w *followed) (*netlink.Conn, error) {
	if err := f.follow(w); err != nil {
		return nil, err
	}
	conn, err := f.taker.prepare(w.member)
	if err != nil {
		return nil, err
	}
	if w.fd, err = duplicate(conn); err == nil && f.taker.Way() == Ring {
		f.byFD[int32(w.fd)] = w
		err = f.await(w.fd, 0) // errors are always waited for
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// follow reads the addresses of a namespace and begins to follow them.
func (f *follower) follow(w *followed) error {
	if f.cfg.Locals == nil {
		return nil
	}
	conn, err := netns.DialAddresses(int(w.file.Fd()))
	if err != nil {
		return err
	}
	defer conn.Close()
	if w.route, err = duplicate(conn); err != nil {
		return err
	}
	f.byFD[int32(w.route)] = w
	if err := f.await(w.route, unix.EPOLLIN); err != nil {
		return err
	}
	locals, err := netns.Locals(int(w.file.Fd()))
	if err != nil {
		return err
	}
	f.cfg.Locals(w.id, locals)
	return nil
}

// addresses reads the addresses anew. What the messages say does not matter, nor
// that some were lost.
func (f *follower) addresses(w *followed) {
	var buf [4096]byte
	for {
		if _, _, err := unix.Recvfrom(w.route, buf[:], unix.MSG_DONTWAIT); err != nil && err != unix.ENOBUFS {
			break
		}
	}
	if locals, err := netns.Locals(int(w.file.Fd())); err == nil {
		f.cfg.Locals(w.id, locals)
	}
}

// drop hands a namespace that is gone to the reader, which reads its last events.
func (f *follower) drop(w *followed) {
	delete(f.byInode, w.Inode)
	f.forget(w)
	f.roster.leave(w.member)
}

// forget takes a namespace's sockets out of what is waited for.
func (f *follower) forget(w *followed) {
	if w.route >= 0 {
		delete(f.byFD, int32(w.route))
		unix.Close(w.route)
		w.route = -1
	}
	if w.fd >= 0 && f.byFD[int32(w.fd)] == w {
		delete(f.byFD, int32(w.fd))
		unix.EpollCtl(f.epoll, unix.EPOLL_CTL_DEL, w.fd, nil)
	}
}
