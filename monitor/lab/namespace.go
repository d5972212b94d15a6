//go:build linux

package lab

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/vishvananda/netns"

	threads "natlens/monitor/netns"
)

// Namespace is one anonymous network namespace, held by an open file and
// nothing else: the kernel drops it when the file and the last socket in it
// are closed.
type Namespace struct {
	name string
	file *os.File
}

// NewNamespace makes a namespace. name is for messages alone.
func NewNamespace(name string) (*Namespace, error) {
	var handle netns.NsHandle
	err := threads.OnThread(func() (err error) {
		handle, err = netns.New()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	return &Namespace{name: name, file: os.NewFile(uintptr(handle), "netns "+name)}, nil
}

// Name is the role in the lab: client, client2, gateway or server.
func (n *Namespace) Name() string { return n.name }

// FD returns the file descriptor that holds the namespace, for setns and for
// libraries that take one (mdlayher/netlink's Config.NetNS). It belongs to the
// namespace: don't close it, and don't use it after Lab.Close.
func (n *Namespace) FD() int { return int(n.file.Fd()) }

// Path returns a path that other processes of this user can open, as long as
// this process lives: /proc/PID/fd/N.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD()) }

// Close lets the namespace go, with its flows and without DESTROY events.
func (n *Namespace) Close() error { return n.file.Close() }

// Do runs f with the calling goroutine locked to a thread inside the
// namespace, and brings the thread back afterwards, also when f panics or
// ends the goroutine (testing's FailNow). Goroutines that f starts are not in
// the namespace. A socket stays in the namespace where it was made: make it
// in f, use it anywhere.
func (n *Namespace) Do(f func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", n.name, err)
	}
	defer home.Close()
	if err := netns.Set(netns.NsHandle(n.FD())); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", n.name, err)
	}
	defer func() {
		// A thread that can't get home stays locked: it must not run other
		// goroutines, and ends with this one.
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

// WriteSysctl sets a sysctl of the namespace, named as sysctl(8) does
// ("net.ipv4.ip_forward"). An interface whose name has a dot can't be named.
func (n *Namespace) WriteSysctl(name, value string) error {
	return n.Do(func() error {
		// /proc/sys/net shows the namespace of the thread that opens it.
		if err := os.WriteFile(sysctlPath(name), []byte(value), 0); err != nil {
			return fmt.Errorf("sysctl %s=%s in %s: %w", name, value, n.name, err)
		}
		return nil
	})
}

// ReadSysctl returns a sysctl of the namespace without its final newline.
func (n *Namespace) ReadSysctl(name string) (string, error) {
	var value string
	err := n.Do(func() error {
		b, err := os.ReadFile(sysctlPath(name))
		if err != nil {
			return fmt.Errorf("sysctl %s in %s: %w", name, n.name, err)
		}
		value = strings.TrimSpace(string(b))
		return nil
	})
	return value, err
}

func sysctlPath(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }
