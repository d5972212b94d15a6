//go:build linux

package table

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// change is a change of an entry. Mark, status and state are combined with those of the flow.
type change struct {
	kernel.Change
	family   monitor.Family // of the new flow
	markMask uint32         // bits of the old mark that are replaced
	state    string
	vtags    [2]*uint32
	role     uint8 // of a DCCP connection's original source
	hasRole  bool
	always   bool // also write values that the entry already has
}

// setters read the flags of conntrack(8) that change an entry.
type setters map[string]func(c *change, v filter.FlagValue) error

var changing = setters{
	"mark": func(c *change, v filter.FlagValue) (err error) {
		value, mask, masked := strings.Cut(v.Value, "/")
		if c.Mark, err = cli.Number32(v, value); err != nil || !masked {
			c.markMask = ^uint32(0)
			return err
		}
		m, err := cli.Number32(v, mask)
		if err == nil {
			c.markMask = *m
		}
		return err
	},
	"timeout":    func(c *change, v filter.FlagValue) error { return number(&c.Timeout, v) },
	"orig-vtag":  func(c *change, v filter.FlagValue) error { return number(&c.vtags[0], v) },
	"reply-vtag": func(c *change, v filter.FlagValue) error { return number(&c.vtags[1], v) },
	"state":      func(c *change, v filter.FlagValue) error { c.state = v.Value; return nil },
	"status":     (*change).setStatus,
}

func changes(v filter.FlagValue) bool { return changing[cli.FlagName(v)] != nil }

func number(n **uint32, v filter.FlagValue) (err error) {
	*n, err = cli.Number32(v, v.Value)
	return err
}

// read reads the flags that have a setter.
func (c *change) read(given []filter.FlagValue, setters setters) error {
	seen := map[string]bool{}
	for _, v := range given {
		name := cli.FlagName(v)
		if seen[name] && changes(v) && name != "status" {
			return cli.Usagef("--%s: given twice", v.Name)
		}
		seen[name] = true
		if set := setters[name]; set != nil {
			if err := set(c, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// statusWords are conntrack(8)'s words for the bits that it can set. UNSET is not a bit.
var statusWords = []string{"ASSURED", "SEEN_REPLY", "UNSET", "FIXED_TIMEOUT", "EXPECTED", "OFFLOAD", "HW_OFFLOAD"}

func (c *change) setStatus(v filter.FlagValue) error {
	if c.Status == nil {
		c.Status = new(monitor.Status)
	}
	for word := range strings.SplitSeq(v.Value, ",") {
		begins := func(w string) bool { return word != "" && strings.HasPrefix(w, strings.ToUpper(word)) }
		i := slices.IndexFunc(statusWords, begins)
		if i < 0 {
			return cli.Usagef("--%s %s: these bits can be set: ASSURED, SEEN_REPLY, FIXED_TIMEOUT, EXPECTED, "+
				"OFFLOAD, HW_OFFLOAD, UNSET", v.Name, monitor.Escape(word))
		}
		if bit, ok := monitor.StatusByName(statusWords[i]); ok {
			*c.Status |= bit
		}
	}
	return nil
}

func (c *change) hasState() bool { return c.state != "" || c.vtags != [2]*uint32{} }

func (c *change) empty() bool {
	return c.Timeout == nil && c.Status == nil && c.Mark == nil && c.Labels == nil && !c.hasState()
}

// of returns the change of a flow's entry; nil if the entry already has the values.
func (c *change) of(e *monitor.Event) (*kernel.Change, error) {
	f, out := &e.Flow, c.Change
	differs := c.always || c.hasState() || c.Timeout != nil && *c.Timeout != f.Timeout ||
		c.Labels != nil && c.changesLabels(e)
	if c.Mark != nil {
		mark := f.Mark&^c.markMask ^ *c.Mark
		out.Mark, differs = &mark, differs || mark != f.Mark
	}
	if c.Status != nil {
		status := f.Status | *c.Status
		out.Status, differs = &status, differs || status != f.Status
	}
	if !differs {
		return nil, nil
	}
	err := c.completedBy(e).protocol(f.Orig.Proto, &out)
	return &out, err
}

func (c *change) changesLabels(e *monitor.Event) bool {
	have := make([]byte, 16)
	if e.Has&monitor.AttrLabels != 0 {
		have = e.Extra.Labels
	}
	for i := range have {
		mask := byte(0xff)
		if c.Mask != nil {
			mask = c.Mask[i]
		}
		if have[i]&mask != c.Labels[i] {
			return true
		}
	}
	return false
}

// completedBy adds what the kernel requires from the flow: verification tags and state of SCTP,
// the role of DCCP.
func (c *change) completedBy(e *monitor.Event) *change {
	with := *c
	switch e.Flow.Orig.Proto {
	case monitor.DCCP:
		if e.Has&monitor.AttrDCCPRole != 0 {
			with.role = e.Extra.DCCPRole
		}
	case monitor.SCTP:
		if with.state == "" {
			with.state = e.Flow.State.Name(monitor.SCTP)
		}
		if with.vtags[0] == nil && e.Has&monitor.AttrVTagOrig != 0 {
			with.vtags[0] = &e.Extra.VTagOrig
		}
		if with.vtags[1] == nil && e.Has&monitor.AttrVTagReply != 0 {
			with.vtags[1] = &e.Extra.VTagReply
		}
	}
	return &with
}

// The tracker's flags of a TCP connection (IP_CT_TCP_FLAG_*).
const (
	tcpSackPerm  = 0x02
	tcpCloseInit = 0x04
	tcpBeLiberal = 0x08
)

// protocol adds the state to the change. The tracker does not know the windows of a TCP
// connection that is made or changed by hand, so it must be liberal. In TIME_WAIT and CLOSE the
// connection may be opened again.
func (c *change) protocol(p monitor.Proto, out *kernel.Change) error {
	if !c.hasState() {
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
		return cli.Usagef("--state %s: not a state of %s: %s", monitor.Escape(c.state), p,
			strings.Join(monitor.StateNames(p), ", "))
	}
	tags := [2]uint32{*cmp.Or(c.vtags[0], new(uint32)), *cmp.Or(c.vtags[1], new(uint32))}
	out.Proto = &kernel.ProtoInfo{Proto: p, State: state, VTags: tags, Role: c.role}
	if p == monitor.TCP {
		flags := uint8(tcpBeLiberal | tcpSackPerm)
		if state >= monitor.TCPTimeWait {
			flags |= tcpCloseInit
		}
		out.Proto.TCP = monitor.TCPInfo{FlagsOrig: flags, MaskOrig: flags, FlagsReply: flags, MaskReply: flags}
	}
	return nil
}

// labelBits returns the bits of labels, which are names or numbers separated by commas.
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
			return nil, cli.Usagef("--%s %s: no such label: there are no names of labels (%w)", flag,
				monitor.Escape(name), env.Nameless)
		default:
			return nil, cli.Usagef("--%s %s: no such label", flag, monitor.Escape(name))
		}
	}
	return bits, nil
}

// natRange reads the value of -n or -g: the address to which a new entry of that family is
// rewritten.
func natRange(v filter.FlagValue, family monitor.Family) (r kernel.NATRange, err error) {
	if v.Value == "" {
		return r, cli.Usagef("--%s needs the address to rewrite to: ADDR, ADDR:PORT or [ADDR]:PORT", v.Name)
	}
	addr, err := netip.ParseAddr(v.Value)
	port := uint16(0)
	if err != nil {
		var both netip.AddrPort
		both, err = netip.ParseAddrPort(v.Value)
		addr, port = both.Addr(), both.Port()
	}
	switch {
	case err != nil || addr.Zone() != "":
		return r, cli.Usagef("--%s %s: ADDR, ADDR:PORT or [ADDR]:PORT", v.Name, monitor.Escape(v.Value))
	case addr.Is4() != (family == monitor.IPv4):
		return r, cli.Usagef("--%s %s: address family mismatch: the flow is %s", v.Name, v.Value, family)
	}
	return kernel.NATRange{Addr: monitor.AddrFrom(addr), Port: port}, nil
}
