//go:build linux

package table

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// changeFlags are the flags of conntrack(8) that say what is written into an
// entry, not which one.
var changeFlags = []string{"mark", "timeout", "status", "state", "orig-vtag", "reply-vtag"}

// change is what flags want to be written into an entry.
type change struct {
	timeout  *uint32
	status   *monitor.Status
	mark     *uint32
	markMask uint32 // which bits of the old mark go; all where none is given
	state    string
	vtags    [2]*uint32
	role     uint8 // of a DCCP connection's original source
	labels   []byte
	labelSet []byte // which labels change; nil: all
}

// readChange reads the flags of changeFlags.
func readChange(given []filter.FlagValue) (c change, err error) {
	seen := map[string]bool{}
	for _, v := range given {
		f, ok := filter.FlagByName(v.Name)
		if !ok || !slices.Contains(changeFlags, f.Name) {
			continue
		}
		if seen[f.Name] && f.Name != "status" {
			return c, cli.Usagef("--%s: given twice", v.Name)
		}
		seen[f.Name] = true
		if err := c.set(f.Name, v); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *change) set(name string, v filter.FlagValue) (err error) {
	switch name {
	case "timeout":
		c.timeout, err = cli.Number32(v, v.Value)
	case "mark":
		value, mask, masked := strings.Cut(v.Value, "/")
		if c.mark, err = cli.Number32(v, value); err != nil {
			return err
		}
		c.markMask = ^uint32(0)
		if masked {
			m, err := cli.Number32(v, mask)
			if err != nil {
				return err
			}
			c.markMask = *m
		}
	case "status":
		err = c.setStatus(v)
	case "state":
		c.state = v.Value
	case "orig-vtag":
		c.vtags[0], err = cli.Number32(v, v.Value)
	case "reply-vtag":
		c.vtags[1], err = cli.Number32(v, v.Value)
	}
	return err
}

// statusBits are the bits that conntrack(8) can set, by its words. UNSET is none
// of them.
var statusBits = []struct {
	word string
	bit  monitor.Status
}{
	{"ASSURED", monitor.Assured}, {"SEEN_REPLY", monitor.SeenReply}, {"UNSET", 0}, {"FIXED_TIMEOUT", monitor.FixedTimeout},
	{"EXPECTED", monitor.Expected}, {"OFFLOAD", monitor.Offload}, {"HW_OFFLOAD", monitor.HWOffload},
}

// setStatus reads words, which may be cut short.
func (c *change) setStatus(v filter.FlagValue) error {
	if c.status == nil {
		c.status = new(monitor.Status)
	}
next:
	for word := range strings.SplitSeq(v.Value, ",") {
		for _, b := range statusBits {
			if word != "" && len(word) <= len(b.word) && strings.EqualFold(word, b.word[:len(word)]) {
				*c.status |= b.bit
				continue next
			}
		}
		return cli.Usagef("--%s %s: bits can be set, of these: ASSURED, SEEN_REPLY, FIXED_TIMEOUT, EXPECTED, OFFLOAD, HW_OFFLOAD, UNSET",
			v.Name, monitor.Escape(word))
	}
	return nil
}

// The tracker's flags of a TCP connection (IP_CT_TCP_FLAG_*).
const (
	tcpSackPerm  = 0x02
	tcpCloseInit = 0x04
	tcpBeLiberal = 0x08
)

// protocol adds the state to what is written. Nobody has seen the windows of a
// TCP connection that is made or moved by hand: the tracker must be liberal with
// it. In TIME_WAIT and CLOSE it may be opened anew.
func (c *change) protocol(p monitor.Proto, out *kernel.Change) error {
	if c.state == "" && c.vtags == [2]*uint32{} {
		return nil
	}
	if c.state != "" && !p.HasState() {
		return cli.Usagef("--state: protocol %s has no states", p)
	}
	state, ok := monitor.StateByName(p, c.state)
	if p == monitor.TCP && strings.EqualFold(c.state, "LISTEN") {
		state, ok = monitor.TCPSynSent2, true // its name before Linux 2.6.31
	}
	if !ok {
		return cli.Usagef("--state %s: not a state of %s: %s", monitor.Escape(c.state), p, strings.Join(monitor.StateNames(p), ", "))
	}
	switch p {
	case monitor.TCP:
		flags := uint8(tcpBeLiberal | tcpSackPerm)
		if state >= monitor.TCPTimeWait {
			flags |= tcpCloseInit
		}
		out.TCP = &kernel.TCPChange{State: state, TCPInfo: monitor.TCPInfo{FlagsOrig: flags, MaskOrig: flags, FlagsReply: flags, MaskReply: flags}}
	case monitor.SCTP:
		out.SCTP = &kernel.SCTPChange{State: state}
		if c.vtags[0] != nil {
			out.SCTP.Orig = *c.vtags[0]
		}
		if c.vtags[1] != nil {
			out.SCTP.Reply = *c.vtags[1]
		}
	case monitor.DCCP:
		out.DCCP = &kernel.DCCPChange{State: state, Role: c.role}
	}
	return nil
}

// labelBits returns the bits of labels, which are names with commas between.
func labelBits(flag, names, file string) ([]byte, error) {
	env, bits := cli.LabelEnv(file), make([]byte, 16)
	for name := range strings.SplitSeq(names, ",") {
		bit, ok := env.Labels[name]
		if n, err := strconv.ParseUint(name, 10, 8); !ok && err == nil && n < 128 {
			bit, ok = int(n), true
		}
		switch {
		case ok && bit < 128:
			bits[bit/8] |= 1 << (bit % 8)
		case env.Nameless != nil:
			return nil, cli.Usagef("--%s %s: no such label: labels have no names here (%w)", flag, monitor.Escape(name), env.Nameless)
		default:
			return nil, cli.Usagef("--%s %s: no such label", flag, monitor.Escape(name))
		}
	}
	return bits, nil
}

// natRange reads the value of -n or -g: what an entry is rewritten to.
func natRange(v filter.FlagValue) (kernel.NATRange, error) {
	if a, err := netip.ParseAddr(v.Value); err == nil && a.Zone() == "" {
		return kernel.NATRange{Addr: monitor.AddrFrom(a)}, nil
	}
	if v.Value == "" {
		return kernel.NATRange{}, cli.Usagef("--%s needs a value here, what to rewrite to: ADDR, ADDR:PORT or [ADDR]:PORT", v.Name)
	}
	ap, err := netip.ParseAddrPort(v.Value)
	if err != nil || ap.Addr().Zone() != "" {
		return kernel.NATRange{}, cli.Usagef("--%s %s: ADDR, ADDR:PORT or [ADDR]:PORT", v.Name, monitor.Escape(v.Value))
	}
	return kernel.NATRange{Addr: monitor.AddrFrom(ap.Addr()), Port: ap.Port()}, nil
}
