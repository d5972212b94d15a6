//go:build linux

package expect

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// expectedFlags describe the expected flow, and which bits of it to compare.
var expectedFlags = []struct{ name, arg, help string }{
	{"tuple-src", "ADDR[/BITS]", "source address of the expected flow"},
	{"tuple-dst", "ADDR[/BITS]", "destination address of the expected flow"},
	{"tuple-port-src", "PORT", "source port of the expected flow"},
	{"tuple-port-dst", "PORT", "destination port of the expected flow"},
	{"tuple-key-src", "KEY", "GRE source key of the expected flow"},
	{"tuple-key-dst", "KEY", "GRE destination key of the expected flow"},
	{"mask-port-src", "MASK", "bits of the source port to compare"},
	{"mask-port-dst", "MASK", "bits of the destination port to compare"},
	{"mask-key-src", "MASK", "bits of the source key to compare"},
	{"mask-key-dst", "MASK", "bits of the destination key to compare"},
}

func (o *options) expects(cmd *cobra.Command) {
	for _, def := range expectedFlags {
		cmd.Flags().Var(cli.Value{Read: func(text string) error {
			o.expected = append(o.expected, filter.FlagValue{Name: def.name, Value: text})
			return nil
		}, Kind: def.arg}, def.name, def.help)
	}
	cmd.Long = `Make an expectation by hand, for tests. --proto and the flags of the original direction select the
master, a flow in the table that has a helper. --tuple-src, --tuple-dst and the ports or keys describe the expected
flow. Without a mask all bits of a value are compared. If you give no source port, it is not compared. The helper
decides how long the expectation lasts. The kernel uses only the mask of the source.`
	cmd.Example = `  natlens expect create -p tcp -s 192.168.77.2 -d 203.0.113.9 \
    --orig-port-src 40000 --orig-port-dst 21 -t 60 \
    --tuple-src 203.0.113.9 --tuple-dst 192.168.77.2 \
    --tuple-port-dst 50000`
}

func (o *options) create(ctx context.Context) error {
	master, err := o.tuple("create", "timeout", "mask-src", "mask-dst")
	if err != nil {
		return err
	}
	x := monitor.Expect{Master: master}
	if x.Timeout, err = o.timeout(); err != nil {
		return err
	}
	if err := o.expectedOf(&x); err != nil {
		return err
	}
	return o.capture.Service(func(s *kernel.Service) error {
		if err := s.CreateExpect(ctx, &x); err != nil {
			return err
		}
		cli.TellDone(o.con, o.summary, 1, "expectation", "created")
		return nil
	})
}

func (o *options) timeout() (uint32, error) {
	for _, v := range o.filter.Given {
		if cli.FlagName(v) == "timeout" {
			n, err := cli.Number32(v, v.Value)
			if err != nil {
				return 0, err
			}
			return *n, nil
		}
	}
	return 0, cli.Usagef("expect create needs --timeout")
}

func (o *options) expectedOf(x *monitor.Expect) (err error) {
	p := x.Master.Proto
	if p.IsICMP() {
		return cli.Usagef("expect create: protocol %s has no expectations", p)
	}
	e := expected{family: x.Master.Family, given: map[string]string{}}
	for _, v := range slices.Concat(o.expected, o.filter.Given) {
		e.given[v.Name] = v.Value
	}
	x.Tuple = monitor.Tuple{Proto: p, Family: e.family}
	x.Mask = x.Tuple
	x.Tuple.Src, x.Mask.Src = e.addr("src")
	x.Tuple.Dst, x.Mask.Dst = e.addr("dst")
	switch {
	case p.HasPorts():
		e.ends("port", x)
	case p == monitor.GRE:
		e.ends("key", x)
	}
	return e.err
}

// expected reads the flags of the expected flow.
type expected struct {
	family monitor.Family // of the master
	given  map[string]string
	err    error // the first
}

// addr returns the address of one end, which is required, and its mask: by default all bits.
func (e *expected) addr(end string) (addr, mask monitor.Addr) {
	text, ok := e.given["tuple-"+end]
	if !ok {
		e.fail("expect create needs --tuple-%s", end)
	}
	text, bits, isNet := strings.Cut(text, "/")
	a := e.parse("tuple-"+end, text)
	if !isNet {
		bits = strconv.Itoa(a.BitLen())
	}
	n, err := strconv.Atoi(bits)
	if err != nil || n < 0 || n > a.BitLen() {
		e.fail("--tuple-%s %s/%s: not a network", end, monitor.Escape(text), monitor.Escape(bits))
	}
	if text, ok := e.given["mask-"+end]; ok {
		return monitor.AddrFrom(a), monitor.AddrFrom(e.parse("mask-"+end, text))
	}
	ones, _ := netip.AddrFromSlice(net.CIDRMask(max(n, 0), a.BitLen()))
	return monitor.AddrFrom(a), monitor.AddrFrom(ones)
}

// parse reads an address of the master's family.
func (e *expected) parse(name, text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || a.Zone() != "":
		e.fail("--%s %s: not an address", name, monitor.Escape(text))
	case a.Is4() != (e.family == monitor.IPv4):
		e.fail("--%s %s: the master's addresses are %s", name, monitor.Escape(text), e.family)
	}
	return a
}

// ends reads ports or keys. Without a source, the source is not compared. The kernel compares
// the destination whatever its mask is, so it is required.
func (e *expected) ends(what string, x *monitor.Expect) {
	if _, ok := e.given["tuple-"+what+"-dst"]; !ok {
		e.fail("expect create needs --tuple-%s-dst", what)
	}
	all := uint16(0)
	if _, ok := e.given["tuple-"+what+"-src"]; ok {
		all = 0xffff
	}
	x.Tuple.SrcPort, x.Mask.SrcPort = e.number("tuple-"+what+"-src", 0), e.number("mask-"+what+"-src", all)
	x.Tuple.DstPort, x.Mask.DstPort = e.number("tuple-"+what+"-dst", 0), e.number("mask-"+what+"-dst", 0xffff)
}

func (e *expected) number(name string, otherwise uint16) uint16 {
	text, ok := e.given[name]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 0, 16)
	if err != nil {
		e.fail("--%s %s: not a number up to 65535", name, monitor.Escape(text))
	}
	return uint16(n)
}

func (e *expected) fail(format string, args ...any) {
	if e.err == nil {
		e.err = cli.Usagef(format, args...)
	}
}
