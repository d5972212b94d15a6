//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrPrivilege is what is returned, wrapped, without CAP_NET_ADMIN in the user
// namespace that owns the network namespace.
var ErrPrivilege = errors.New("CAP_NET_ADMIN is missing")

// errEnter is ErrPrivilege where another network namespace can't be entered.
var errEnter error = missing("CAP_SYS_ADMIN is missing")

// missing says which capability is.
type missing string

func (m missing) Error() string { return string(m) }

func (m missing) Is(target error) bool { return target == ErrPrivilege }

// DialNetfilter opens a netlink socket of netfilter in a network namespace (0: the caller's).
func DialNetfilter(netns int) (*netlink.Conn, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: netns})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", Privilege(err))
	}
	return conn, nil
}

// Privilege says of an EPERM what is missing.
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

// ClosedErr turns the many errors of a closed connection into os.ErrClosed.
func ClosedErr(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EBADF) {
		return os.ErrClosed
	}
	return err
}
