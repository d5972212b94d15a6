//go:build linux

package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// CaptureFlags says how events are captured.
type CaptureFlags struct {
	way    string
	buffer string
	ring   string
	Netns  string
	many   bool // --netns all will do
}

func (c *CaptureFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.way, "capture", "auto", "`way` to capture: ring, socket, or auto: the ring where it can be had")
	cmd.Flags().StringVarP(&c.buffer, "buffer-size", "b", "16MiB", "socket buffer to ask the kernel for, in `bytes`")
	cmd.Flags().StringVar(&c.ring, "ring", "32MiB", "BPF ring to capture into, in `bytes`, a power of two")
	InGroup(cmd.Flags(), GroupKernel, "capture", "buffer-size", "ring")
	MustComplete(cmd, "capture", OneOf("auto", "ring", "socket"))
	MustComplete(cmd, "buffer-size", cobra.NoFileCompletions)
	MustComplete(cmd, "ring", cobra.NoFileCompletions)
	c.RegisterNetNS(cmd)
}

func (c *CaptureFlags) RegisterNetNS(cmd *cobra.Command) {
	cmd.Flags().Var((*netnsValue)(&c.Netns), "netns", "network `namespace` to look into, by name, path or process id")
	InGroup(cmd.Flags(), GroupKernel, "netns")
	MustComplete(cmd, "netns", CompleteNetNS)
}

// netnsValue is the value of --netns. One that is empty is a variable that a script
// did not set: it is not taken for the caller's own namespace.
type netnsValue string

func (v *netnsValue) Set(text string) error {
	if text == "" {
		return errors.New("needs a value")
	}
	*v = netnsValue(text)
	return nil
}

func (v *netnsValue) String() string { return string(*v) }
func (*netnsValue) Type() string     { return "string" }

// EveryNetNS is the name that stands for all network namespaces. One that ip-netns(8)
// calls so is to be had by its path.
const EveryNetNS = "all"

// AllowEvery lets --netns be all, which most commands can't do.
func (c *CaptureFlags) AllowEvery(cmd *cobra.Command) {
	c.many = true
	f := cmd.Flags().Lookup("netns")
	f.Usage += "; all: every one that has a name, a container or a process"
	f.Annotations["netns-all"] = nil
}

// Every reports whether all network namespaces are to be looked into.
func (c *CaptureFlags) Every() bool { return c.many && c.Netns == EveryNetNS }

// Config returns what to open. The caller closes the namespace's file, which may
// be nil, after the capture.
func (c *CaptureFlags) Config(kinds capture.Kinds) (capture.Config, *os.File, error) {
	way, ok := map[string]capture.Way{"auto": capture.Auto, "ring": capture.Ring, "socket": capture.Socket}[c.way]
	if !ok {
		return capture.Config{}, nil, Usagef("--capture %s: must be auto, ring or socket", c.way)
	}
	buffer, err := parseBytes(c.buffer)
	if err != nil {
		return capture.Config{}, nil, Usagef("--buffer-size %s: %w", c.buffer, err)
	}
	ring, err := parseBytes(c.ring)
	if err == nil && (ring&(ring-1) != 0 || ring < os.Getpagesize()) {
		err = fmt.Errorf("must be a power of two, and %d at the least", os.Getpagesize())
	}
	if err != nil {
		return capture.Config{}, nil, Usagef("--ring %s: %w", c.ring, err)
	}
	cfg := capture.Config{Dump: kernel.Dump, Way: way, Kinds: kinds, Buffer: buffer, Ring: ring}
	if c.Every() {
		return cfg, nil, nil
	}
	file, err := OpenNetNS(c.Netns)
	if err != nil {
		return capture.Config{}, nil, err
	}
	cfg.NetNS = NetnsFD(file)
	return cfg, file, nil
}

// Namespaces returns where network namespaces get their numbers, nil if one is
// looked into.
func (c *CaptureFlags) Namespaces() *monitor.Namespaces {
	if !c.Every() {
		return nil
	}
	return new(monitor.Namespaces)
}

// UnseenText says what is not looked into for want of privilege.
func UnseenText(n int) string { return netns.UnseenError(n).Error() }

// NamespaceName is what a history calls the one namespace that is captured, if it is
// one.
func (c *CaptureFlags) NamespaceName() string {
	if c.Every() {
		return ""
	}
	return namespaceName(c.Netns)
}

// namespaceName is what a history calls the namespace: its name, if it was given by
// one. Paths and process ids mean nothing later.
func namespaceName(netns string) string {
	if _, err := strconv.Atoi(netns); err == nil || strings.Contains(netns, "/") {
		return ""
	}
	return netns
}
