//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dial opens a netlink socket in a network namespace (0: the caller's).
func Dial(protocol, ns int) (*netlink.Conn, error) {
	conn, err := netlink.Dial(protocol, &netlink.Config{NetNS: ns})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", Privilege(err))
	}
	return conn, nil
}

// DialKernel opens a netlink socket for requests in a network namespace (0: the
// caller's). Only the kernel can answer on it.
func DialKernel(protocol, ns int) (*netlink.Conn, error) {
	conn, err := Dial(protocol, ns)
	if err != nil {
		return nil, err
	}
	if err := OnlyKernel(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// OnlyKernel makes the kernel refuse messages of other processes to a netlink
// socket: it connects the socket to the kernel's port id, which is 0, and drops
// what was sent to it before. Any process of the namespace could otherwise answer
// in the kernel's place.
func OnlyKernel(conn *netlink.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) {
		if err = unix.Connect(int(fd), &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return
		}
		for {
			if _, _, err := unix.Recvfrom(int(fd), nil, unix.MSG_DONTWAIT|unix.MSG_TRUNC); err != nil && err != unix.EINTR && err != unix.ENOBUFS {
				return
			}
		}
	})
	if err := errors.Join(cerr, err); err != nil {
		return fmt.Errorf("connect netlink socket: %w", err)
	}
	return nil
}

// ErrPrivilege is what is returned, wrapped, without CAP_NET_ADMIN in the user
// namespace that owns the network namespace.
var ErrPrivilege = errors.New("CAP_NET_ADMIN is missing")

// errEnter is ErrPrivilege where another network namespace can't be entered.
var errEnter error = missing("CAP_SYS_ADMIN is missing")

// missing says which capability is.
type missing string

func (m missing) Error() string { return string(m) }

func (m missing) Is(target error) bool { return target == ErrPrivilege }

// Privilege adds to an EPERM which capability is missing.
func Privilege(err error) error {
	call, ok := errors.AsType[*os.SyscallError](err)
	switch {
	case !errors.Is(err, os.ErrPermission), errors.Is(err, ErrPrivilege):
		return err
	case ok && call.Syscall == "setns":
		return fmt.Errorf("%w (%w)", errEnter, err)
	}
	return fmt.Errorf("%w (%w)", ErrPrivilege, err)
}
