//go:build linux

package lab

import (
	"fmt"
	"os"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netns"

	threads "natlens/monitor/netns"
)

// Namespace is one anonymous network namespace. Only an open file holds it: the kernel
// removes it when the file and the last socket in it are closed.
type Namespace struct {
	name string
	file *os.File
}

// NewNamespace makes a namespace. Messages use the name.
func NewNamespace(name string) (*Namespace, error) {
	var handle netns.NsHandle
	err := threads.OnThread(func() (err error) {
		handle, err = netns.New()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	return OpenNamespace(name, os.NewFile(uintptr(handle), "netns "+name)), nil
}

// OpenNamespace returns the namespace that file holds, and takes the file over.
func OpenNamespace(name string, file *os.File) *Namespace { return &Namespace{name, file} }

// Name is the role in the lab: client, client2, gateway or server.
func (n *Namespace) Name() string { return n.name }

// FD returns the file descriptor that holds the namespace, for setns and for libraries
// that take one (mdlayher/netlink's Config.NetNS). The namespace owns it: do not close
// it, and do not use it after Lab.Close.
func (n *Namespace) FD() int { return int(n.file.Fd()) }

// Path returns a path that other processes of this user can open while this process
// lives: /proc/PID/fd/N.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD()) }

// Close removes the namespace and its flows. There are no DESTROY events.
func (n *Namespace) Close() error { return n.file.Close() }

// Do runs f in another goroutine, on a thread inside the namespace that ends with f, and
// returns f's error with the namespace's name before it. Goroutines that f starts are not
// in the namespace. A socket stays in the namespace where it was made: make it in f, use
// it anywhere.
func (n *Namespace) Do(f func() error) error {
	if err := threads.Do(n.FD(), f); err != nil {
		return fmt.Errorf("in %s: %w", n.name, err)
	}
	return nil
}

// NFT runs f with an nftables connection to the namespace and sends what f queued.
func (n *Namespace) NFT(f func(*nftables.Conn) error) error {
	c, err := nftables.New(nftables.WithNetNSFd(n.FD()))
	if err != nil {
		return fmt.Errorf("nftables in %s: %w", n.name, err)
	}
	if err := f(c); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables in %s: %w", n.name, err)
	}
	return nil
}

// WriteSysctl sets a sysctl of the namespace, named as in sysctl(8)
// ("net.ipv4.ip_forward"). Interface names with a dot are not supported.
func (n *Namespace) WriteSysctl(name, value string) error {
	// /proc/sys/net shows the namespace of the thread that opens it.
	return n.Do(func() error { return os.WriteFile(sysctlPath(name), []byte(value), 0) })
}

// ReadSysctl returns a sysctl of the namespace without its final newline.
func (n *Namespace) ReadSysctl(name string) (value string, err error) {
	err = n.Do(func() error {
		text, err := os.ReadFile(sysctlPath(name))
		value = strings.TrimSpace(string(text))
		return err
	})
	return value, err
}

func sysctlPath(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }
