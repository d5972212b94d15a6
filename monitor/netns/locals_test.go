//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// Another process can't end the following of addresses by an error in the kernel's name: the kernel refuses its message.
func TestFollowLocalsOnlyTheKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can send to a socket for routes")
	}
	before := routePorts(t)
	stop, err := FollowLocals(0, func(*monitor.Locals) {})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	sent := 0
	for _, port := range routePorts(t) {
		if slices.Contains(before, port) {
			continue
		}
		sent++
		err := unix.Sendto(fd, make([]byte, unix.NLMSG_HDRLEN), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port})
		if !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("port %d: %v, want %v", port, err, unix.ECONNREFUSED)
		}
	}
	if sent == 0 {
		t.Error("there is no socket for routes")
	}
}

// routePorts returns the port ids of this namespace's sockets for routes that follow addresses.
func routePorts(t *testing.T) (ports []uint32) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var sk string
		var protocol, port uint32
		var groups uint64
		if _, err := fmt.Sscanf(line, "%s %d %d %x", &sk, &protocol, &port, &groups); err == nil && protocol == unix.NETLINK_ROUTE &&
			port != 0 && groups == 1<<(unix.RTNLGRP_IPV4_IFADDR-1)|1<<(unix.RTNLGRP_IPV6_IFADDR-1) {
			ports = append(ports, port)
		}
	}
	return ports
}
