//go:build linux

package lab

import (
	"errors"
	"fmt"
	"strings"
)

// ErrRefused is wrapped by the error of Enter if this process may make neither network
// namespaces nor a user namespace to make them in.
var ErrRefused = errors.New("network namespaces are refused")

// userNSSwitches are the sysctls that refuse user namespaces to plain users, each with
// the refusing value.
var userNSSwitches = []struct{ name, refuses string }{
	{"kernel.unprivileged_userns_clone", "0"},             // Debian's patch
	{"kernel.apparmor_restrict_unprivileged_userns", "1"}, // Ubuntu since 23.10
	{"user.max_user_namespaces", "0"},
	{"user.max_net_namespaces", "0"},
}

// refused explains cause with the sysctls of this host that refuse namespaces.
func refused(cause error) error {
	var found []string
	for _, s := range userNSSwitches {
		if v, err := readHostSysctl(s.name); err == nil && v == s.refuses {
			found = append(found, s.name+"="+v)
		}
	}
	hint := "no sysctl that is known to refuse them is set: " +
		"a container needs --privileged, or a seccomp profile that allows unshare"
	if len(found) > 0 {
		hint = "because of " + strings.Join(found, ", ") + " (change it with sysctl -w, or run as root)"
	}
	return fmt.Errorf("%w: %w; %s", ErrRefused, cause, hint)
}
