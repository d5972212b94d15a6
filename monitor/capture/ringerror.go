//go:build linux

package capture

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// RingError says why events can't be captured by the ring. Sockets may do.
type RingError struct {
	Reason string // for people: what is missing
	Err    error  // what was refused; nil if nothing was tried
}

func (e *RingError) Error() string { return e.Reason }

func (e *RingError) Unwrap() error { return e.Err }

// ringError finds the reason behind err.
func ringError(err error) error {
	var verifier *ebpf.VerifierError
	reason := "the ring could not be set up"
	switch {
	case errors.As(err, &verifier):
		reason = "the kernel's verifier refuses the program"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		// The text of bpf(2) adds nothing.
		return &RingError{whyNotPermitted(), netns.Privilege(err)}
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.EINVAL):
		reason = "needs Linux 5.8 or later"
	case errors.Is(err, unix.ENOSYS):
		reason = "the kernel is built without bpf(2) (CONFIG_BPF_SYSCALL)"
	case errors.Is(err, unix.ENOMEM):
		reason = "no memory for the ring: ask for a smaller one"
	}
	return &RingError{fmt.Sprintf("%s: %v", reason, err), err}
}

// whyNotPermitted names what bpf(2) needs and this process lacks.
func whyNotPermitted() string {
	has, err := effectiveCapabilities()
	switch sys := has&(1<<unix.CAP_SYS_ADMIN) != 0; {
	case err != nil:
		return "needs CAP_NET_ADMIN and CAP_BPF"
	case has&(1<<unix.CAP_NET_ADMIN) == 0:
		return "needs CAP_NET_ADMIN"
	case has&(1<<unix.CAP_BPF) == 0 && !sys:
		return "needs CAP_BPF"
	case inUserNamespace():
		return "needs CAP_BPF in the initial user namespace"
	}
	return "bpf(2) is not permitted, in spite of CAP_BPF: a seccomp filter, a security module or kernel lockdown forbids it"
}

// effectiveCapabilities returns this thread's effective set, bit n for
// capability n (capabilities(7)).
func effectiveCapabilities() (uint64, error) {
	var data [2]unix.CapUserData
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&head, &data[0]); err != nil {
		return 0, err
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

// inUserNamespace reports whether the process is in another user namespace than
// the initial one, which alone maps all ids to themselves.
func inUserNamespace() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	line, rest, _ := bytes.Cut(bytes.TrimSpace(ids), []byte("\n"))
	return len(rest) > 0 || strings.Join(strings.Fields(string(line)), " ") != "0 0 4294967295"
}
