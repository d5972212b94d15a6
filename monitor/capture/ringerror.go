//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// RingError says why the ring cannot be used. Sockets may work.
type RingError struct {
	Reason string // for people: what is missing
	Err    error  // the failed call; nil if natlens did not try
}

func (e *RingError) Error() string { return e.Reason }

func (e *RingError) Unwrap() error { return e.Err }

// ringError returns err with its reason.
func ringError(err error) error {
	var verifier *ebpf.VerifierError
	reason := "the ring could not be set up"
	switch {
	case errors.As(err, &verifier):
		reason = "the kernel's verifier refuses the program"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		// The error text of bpf(2) adds nothing.
		return &RingError{"bpf(2) is not permitted: needs CAP_BPF in the initial user namespace", netns.Privilege(err)}
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.EINVAL):
		reason = "needs Linux 5.8 or later"
	case errors.Is(err, unix.ENOSYS):
		reason = "the kernel is built without bpf(2) (CONFIG_BPF_SYSCALL)"
	case errors.Is(err, unix.ENOMEM):
		reason = "no memory for the ring: ask for a smaller one"
	}
	return &RingError{fmt.Sprintf("%s: %v", reason, err), err}
}
