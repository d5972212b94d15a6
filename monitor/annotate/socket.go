//go:build linux

package annotate

import (
	"encoding/binary"
	"errors"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// sockDiag is the protocol of sock_diag(7).
const sockDiag = unix.NETLINK_INET_DIAG

// sockets looks up sockets of one network namespace by sock_diag(7). Use it from one goroutine.
type sockets struct {
	conn   *netlink.Conn
	buf    []byte     // requests
	answer [4096]byte // one datagram
}

// socket is the kernel's answer for one flow.
type socket struct {
	match  monitor.Match // MatchNone: there is no socket
	state  uint8
	uid    uint32
	inode  uint64 // 0: no process has it open
	cgroup uint64 // id of its cgroup; 0: unknown
}

// The layout of struct inet_diag_req_v2, inet_diag_sockid and inet_diag_msg of
// linux/inet_diag.h:
//
//	request  family 1 │ protocol 1 │ ext 1 │ pad 1 │ states 4 │ sockid 48
//	answer   family 1 │ state 1 │ timer 1 │ retrans 1 │ sockid 48 │ expires 4 │ rqueue 4 │ wqueue 4 │ uid 4 │ inode 4
//	sockid   sport 2 │ dport 2 │ src 16 │ dst 16 │ if 4 │ cookie 8
const (
	requestSize   = 56
	answerSize    = 72
	requestSockID = 8
	answerSockID  = 4
	answerUID     = 64
	answerInode   = 68
	attrCgroupID  = 21 // INET_DIAG_CGROUP_ID
)

// The states of TCP that matter here (net/tcp_states.h).
const (
	stateTimeWait   = 6
	stateListen     = 10
	stateNewSynRecv = 12
)

// maxAsked is the maximum number of requests in one call, so that the answers fit into the
// socket's buffer.
const maxAsked = 64

// find sets found of questions, which are all of this namespace. After an error the caller must
// close s.conn.
func (s *sockets) find(asked []question) error {
	for len(asked) > 0 {
		n := min(len(asked), maxAsked)
		if err := s.ask(asked[:n], false); err != nil {
			return err
		}
		// A connection that is not established yet belongs to the socket that listens.
		for i := range asked[:n] {
			if asked[i].found.state == stateNewSynRecv {
				if err := s.ask(asked[i:i+1], true); err != nil {
					return err
				}
			}
		}
		asked = asked[n:]
	}
	return nil
}

// ends returns the local and the remote end of the flow's socket on this host, with the addresses
// that the socket has. The remote end of a listening socket is zero.
func ends(f *monitor.Flow, listens bool) (local, remote monitor.Endpoint) {
	t := &f.Orig
	if f.Path == monitor.PathIn {
		t = &f.Reply
	}
	if !listens {
		remote = monitor.Endpoint{Addr: t.Dst, Port: t.DstPort}
	}
	return monitor.Endpoint{Addr: t.Src, Port: t.SrcPort}, remote
}

// ask sends a request for each flow that may have a socket, and reads the answers. The
// kernel answers all requests before the call that sends them returns.
func (s *sockets) ask(asked []question, listens bool) error {
	s.buf = s.buf[:0]
	for i := range asked {
		f := &asked[i].event.Flow
		asked[i].found = socket{}
		if p := f.Orig.Proto; p == monitor.TCP || p == monitor.UDP {
			local, remote := ends(f, listens)
			s.buf = appendRequest(s.buf, uint32(i), f.Orig.Family, p, local, remote)
		}
	}
	answers := len(s.buf) / (unix.NLMSG_HDRLEN + requestSize)
	if answers == 0 {
		return nil
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = s.exchange(int(fd), answers, asked, listens) })
	return errors.Join(failed, err)
}

// exchange sends the requests in the buffer, reads as many answers, and sets found of each
// question. If the kernel answers with an error, there is no such socket.
func (s *sockets) exchange(fd, answers int, asked []question, listens bool) error {
	if err := unix.Sendto(fd, s.buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	for range answers {
		n, _, err := unix.Recvfrom(fd, s.answer[:], unix.MSG_DONTWAIT)
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		if n < unix.NLMSG_HDRLEN {
			continue
		}
		b := s.answer[:n]
		i := binary.NativeEndian.Uint32(b[8:]) // nlmsghdr.nlmsg_seq
		if binary.NativeEndian.Uint16(b[4:]) != unix.SOCK_DIAG_BY_FAMILY || int(i) >= len(asked) {
			continue
		}
		f := &asked[i].event.Flow
		local, remote := ends(f, listens)
		asked[i].found = readAnswer(b[unix.NLMSG_HDRLEN:], f, local, remote)
	}
	return nil
}

// appendRequest appends a request for the socket with two ends. seq identifies the answer. For
// UDP the kernel expects the ends swapped, "for historical reasons".
func appendRequest(b []byte, seq uint32, family monitor.Family, proto monitor.Proto,
	local, remote monitor.Endpoint) []byte {
	if proto == monitor.UDP {
		local, remote = remote, local
	}
	const size = unix.NLMSG_HDRLEN + requestSize
	b = append(b, make([]byte, size)...)
	m := b[len(b)-size:]
	binary.NativeEndian.PutUint32(m, size)
	binary.NativeEndian.PutUint16(m[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(m[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(m[8:], seq)
	m = m[unix.NLMSG_HDRLEN:]
	m[0], m[1] = uint8(family), uint8(proto)
	binary.NativeEndian.PutUint32(m[4:], ^uint32(0)) // any state
	id := m[requestSockID:]
	binary.BigEndian.PutUint16(id, local.Port)
	binary.BigEndian.PutUint16(id[2:], remote.Port)
	putAddr(id[4:20], family, local.Addr)
	putAddr(id[20:36], family, remote.Addr)
	binary.NativeEndian.PutUint64(id[40:], ^uint64(0)) // INET_DIAG_NOCOOKIE
	return b
}

func putAddr(b []byte, family monitor.Family, a monitor.Addr) {
	if family == monitor.IPv4 {
		copy(b, a[12:])
		return
	}
	copy(b, a[:])
}

// readAnswer reads the kernel's answer to the request for two ends.
func readAnswer(b []byte, f *monitor.Flow, local, remote monitor.Endpoint) (s socket) {
	if len(b) < answerSize {
		return s
	}
	id := b[answerSockID:]
	s.state = b[1]
	s.uid = binary.NativeEndian.Uint32(b[answerUID:])
	s.inode = uint64(binary.NativeEndian.Uint32(b[answerInode:]))
	bound := binary.BigEndian.Uint16(id) == local.Port
	connected := binary.BigEndian.Uint16(id[2:]) == remote.Port && remote.Port != 0
	switch {
	case !bound, s.state == stateTimeWait, s.state == stateNewSynRecv:
		return s
	case f.Orig.Proto == monitor.TCP && s.state == stateListen && f.Path == monitor.PathIn:
		s.match = monitor.MatchListener
	case f.Orig.Proto == monitor.TCP && s.state == stateListen:
		return s // the connection's own socket is gone
	case connected:
		s.match = monitor.MatchExact
	case f.Orig.Proto == monitor.UDP:
		s.match = monitor.MatchListener
	}
	attrs, err := netlink.NewAttributeDecoder(b[answerSize:])
	if err != nil {
		return s
	}
	for attrs.Next() {
		if attrs.Type() == attrCgroupID && len(attrs.Bytes()) == 8 {
			s.cgroup = attrs.Uint64()
		}
	}
	return s
}
