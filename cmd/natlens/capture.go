//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor/capture"
	"natlens/monitor/kernel"
)

// captureConfig says how events are captured.
type captureConfig struct {
	way    string
	buffer string
	ring   string
	netns  string
	many   bool // --netns all will do
}

func (c *captureConfig) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.way, "capture", "auto", "`way` to capture: ring, socket, or auto: the ring where it can be had")
	cmd.Flags().StringVarP(&c.buffer, "buffer-size", "b", "16MiB", "socket buffer to ask the kernel for, in `bytes`")
	cmd.Flags().StringVar(&c.ring, "ring", "32MiB", "BPF ring to capture into, in `bytes`, a power of two")
	inGroup(cmd.Flags(), groupKernel, "capture", "buffer-size", "ring")
	mustComplete(cmd, "capture", oneOf("auto", "ring", "socket"))
	mustComplete(cmd, "buffer-size", cobra.NoFileCompletions)
	mustComplete(cmd, "ring", cobra.NoFileCompletions)
	c.registerNetNS(cmd)
}

func (c *captureConfig) registerNetNS(cmd *cobra.Command) {
	cmd.Flags().Var((*netnsValue)(&c.netns), "netns", "network `namespace` to look into, by name, path or process id")
	inGroup(cmd.Flags(), groupKernel, "netns")
	mustComplete(cmd, "netns", completeNetNS)
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

// everyNetNS is the name that stands for all network namespaces. One that ip-netns(8)
// calls so is to be had by its path.
const everyNetNS = "all"

// allowEvery lets --netns be all, which most commands can't do.
func (c *captureConfig) allowEvery(cmd *cobra.Command) {
	c.many = true
	f := cmd.Flags().Lookup("netns")
	f.Usage += "; all: every one that has a name, a container or a process"
	f.Annotations["netns-all"] = nil
}

// every reports whether all network namespaces are to be looked into.
func (c *captureConfig) every() bool { return c.many && c.netns == everyNetNS }

// config returns what to open. The caller closes the namespace's file, which may
// be nil, after the capture.
func (c *captureConfig) config(kinds capture.Kinds) (capture.Config, *os.File, error) {
	way, ok := map[string]capture.Way{"auto": capture.Auto, "ring": capture.Ring, "socket": capture.Socket}[c.way]
	if !ok {
		return capture.Config{}, nil, usagef("--capture %s: must be auto, ring or socket", c.way)
	}
	buffer, err := parseBytes(c.buffer)
	if err != nil {
		return capture.Config{}, nil, usagef("--buffer-size %s: %w", c.buffer, err)
	}
	ring, err := parseBytes(c.ring)
	if err == nil && (ring&(ring-1) != 0 || ring < os.Getpagesize()) {
		err = fmt.Errorf("must be a power of two, and %d at the least", os.Getpagesize())
	}
	if err != nil {
		return capture.Config{}, nil, usagef("--ring %s: %w", c.ring, err)
	}
	cfg := capture.Config{Dump: kernel.Dump, Way: way, Kinds: kinds, Buffer: buffer, Ring: ring}
	if c.every() {
		return cfg, nil, nil
	}
	netns, err := openNetNS(c.netns)
	if err != nil {
		return capture.Config{}, nil, err
	}
	if netns != nil {
		cfg.NetNS = int(netns.Fd())
	}
	return cfg, netns, nil
}

// parseBytes reads a number of bytes: 212992, 64k, 16M, 16MiB. Units are binary.
func parseBytes(text string) (int, error) {
	n, ok := parseSize(text, 1<<30)
	if !ok {
		return 0, fmt.Errorf("not a size between 1 and 1GiB, such as 212992, 512KiB or 16MiB")
	}
	return int(n), nil
}

// parseSize reads a number of bytes between 1 and a limit.
func parseSize(text string, limit int64) (n int64, ok bool) {
	number := strings.ToUpper(text)
	for _, end := range []string{"IB", "B"} {
		number = strings.TrimSuffix(number, end)
	}
	shift := 0
	if n := len(number); n > 0 {
		if i := strings.IndexByte("KMGT", number[n-1]); i >= 0 {
			shift, number = 10*(i+1), number[:n-1]
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > limit>>shift {
		return 0, false
	}
	return n << shift, true
}
