//go:build linux

package cli

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/capture"
	"natlens/monitor/live"
)

// CaptureFlags says what is captured or read: which network namespace, and how.
type CaptureFlags struct {
	Netns  string // "": the caller's own
	way    capture.Way
	buffer string
	ring   string
	every  bool // --netns all is allowed
	names  *monitor.Namespaces

	annotator *annotate.Annotator // nil: processes are not looked up
	fd        int                 // of the namespace whose flows are read
}

// Register adds all flags.
func (c *CaptureFlags) Register(cmd *cobra.Command) {
	f := cmd.Flags()
	Choice(f, &c.way, "capture", "", "read events by this `way`: %s; auto: the ring if possible",
		[]string{"auto", "ring", "socket"}, capture.Auto, capture.Ring, capture.Socket)
	f.StringVarP(&c.buffer, "buffer-size", "b", "16MiB", "size of the socket buffer in `bytes`")
	f.StringVar(&c.ring, "ring", "32MiB", "size of the BPF ring in `bytes`, a power of two")
	InGroup(f, GroupKernel, "capture", "buffer-size", "ring")
	c.RegisterNetNS(cmd)
}

// RegisterNetNS adds --netns only.
func (c *CaptureFlags) RegisterNetNS(cmd *cobra.Command) {
	read := func(text string) error {
		if text == "" { // an unset variable of a script must not mean the caller's own namespace
			return errors.New("needs a value")
		}
		c.Netns = text
		return nil
	}
	cmd.Flags().Var(Value{Read: read, Kind: "string"}, "netns", "network `namespace`, by name, path or process id")
	InGroup(cmd.Flags(), GroupKernel, "netns")
	MustComplete(cmd, "netns", CompleteNetNS)
}

// AllowEvery allows --netns all.
func (c *CaptureFlags) AllowEvery(cmd *cobra.Command) {
	c.every = true
	f := cmd.Flags().Lookup("netns")
	f.Usage += "; all: every namespace that has a name, a container or a process"
	f.Annotations["netns-all"] = nil
}

// FlagsOf returns flags with this value of --netns, which may be all.
func FlagsOf(netns string) *CaptureFlags { return &CaptureFlags{Netns: netns, every: true} }

// Every reports whether --netns is all.
func (c *CaptureFlags) Every() bool { return c.every && c.Netns == EveryNetNS }

// Namespaces returns the table of names for several network namespaces; nil for one.
func (c *CaptureFlags) Namespaces() *monitor.Namespaces {
	if c.Every() && c.names == nil {
		c.names = new(monitor.Namespaces)
	}
	return c.names
}

// NamespaceName returns the name of the one namespace, or "" if --netns is a path or a process
// id, which mean nothing later.
func (c *CaptureFlags) NamespaceName() string {
	if _, err := strconv.Atoi(c.Netns); err == nil || strings.Contains(c.Netns, "/") || c.Every() {
		return ""
	}
	return c.Netns
}

// Open opens a run on the network namespaces of --netns. at, if not nil, is watched instead. cfg has
// everything that the flags do not say.
func (c *CaptureFlags) Open(cfg live.Config, at *Gateway) (*live.Run, error) {
	if err := c.size(&cfg.Capture); err != nil {
		return nil, err
	}
	cfg.Names, cfg.Sudo = c.Namespaces(), Sudo()
	switch {
	case at != nil:
		cfg.Capture.NetNS = at.FD
	case !c.Every():
		var err error
		if cfg.File, err = OpenNetNS(c.Netns); err != nil {
			return nil, err
		}
		cfg.Capture.NetNS, cfg.Which = NetnsFD(cfg.File), c.Netns
	}
	return live.Open(cfg)
}

// size reads the flags of the capture.
func (c *CaptureFlags) size(cfg *capture.Config) error {
	buffer, err := ParseSize(c.buffer, maxBuffer)
	if err != nil {
		return Usagef("--buffer-size %s: %w", c.buffer, err)
	}
	ring, err := ParseSize(c.ring, maxBuffer)
	if err == nil && (bits.OnesCount64(uint64(ring)) != 1 || ring < int64(os.Getpagesize())) {
		err = fmt.Errorf("must be a power of two of at least %d, such as 32MiB", os.Getpagesize())
	}
	if err != nil {
		return Usagef("--ring %s: %w", c.ring, err)
	}
	cfg.Way, cfg.Buffer, cfg.Ring = c.way, int(buffer), int(ring)
	return nil
}

// maxBuffer is the maximum size of a socket buffer and a ring.
const maxBuffer = 1 << 30
