//go:build linux

package capture

import (
	"bytes"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

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
