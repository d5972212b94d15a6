//go:build linux

package expect

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
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
	o.addrs, o.numbers = map[string]netip.Prefix{}, map[string]uint16{}
	for _, def := range expectedFlags {
		read := func(text string) error {
			n, err := strconv.ParseUint(text, 0, 16)
			if o.numbers[def.name] = uint16(n); err != nil {
				return errors.New("not a number up to 65535")
			}
			return nil
		}
		if strings.HasPrefix(def.arg, "ADDR") {
			read = func(text string) (err error) { o.addrs[def.name], err = network(text); return err }
		}
		cmd.Flags().Var(cli.Value{Read: read, Kind: def.arg}, def.name, def.help)
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

// network reads an address with the number of its bits to compare, or all.
func network(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, errors.New("not an address or a network")
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// expectedOf reads the expected flow. Without a source port or key, that is not compared. The kernel compares the
// destination whatever its mask is, so it is required.
func (o *options) expectedOf(x *monitor.Expect) (err error) {
	p := x.Master.Proto
	x.Tuple = monitor.Tuple{Proto: p, Family: x.Master.Family}
	x.Mask = x.Tuple
	if x.Tuple.Src, x.Mask.Src, err = o.addr("src", p, x.Master.Family); err != nil {
		return err
	}
	x.Tuple.Dst, x.Mask.Dst, err = o.addr("dst", p, x.Master.Family)
	if err != nil || !p.HasPorts() && p != monitor.GRE {
		return err
	}
	what := "key"
	if p.HasPorts() {
		what = "port"
	}
	src, hasSrc := o.numbers["tuple-"+what+"-src"]
	dst, hasDst := o.numbers["tuple-"+what+"-dst"]
	if !hasDst {
		return cli.Usagef("expect create needs --tuple-%s-dst", what)
	}
	x.Tuple.SrcPort, x.Tuple.DstPort, x.Mask.DstPort = src, dst, 0xffff
	if hasSrc {
		x.Mask.SrcPort = 0xffff
	}
	for end, to := range map[string]*uint16{"-src": &x.Mask.SrcPort, "-dst": &x.Mask.DstPort} {
		if mask, ok := o.numbers["mask-"+what+end]; ok {
			*to = mask
		}
	}
	return nil
}

// addr returns the address of one end, which is required, and its mask.
func (o *options) addr(end string, p monitor.Proto, family monitor.Family) (addr, mask monitor.Addr, err error) {
	tuple, ok := o.addrs["tuple-"+end]
	switch {
	case p.IsICMP():
		return addr, mask, cli.Usagef("expect create: protocol %s has no expectations", p)
	case !ok:
		return addr, mask, cli.Usagef("expect create needs --tuple-%s", end)
	}
	ones, _ := netip.AddrFromSlice(net.CIDRMask(tuple.Bits(), tuple.Addr().BitLen()))
	for _, v := range o.filter.Given {
		if v.Name == "mask-"+end {
			if ones, err = netip.ParseAddr(v.Value); err != nil || ones.Zone() != "" {
				return addr, mask, cli.Usagef("--%s %s: not an address", v.Name, monitor.Escape(v.Value))
			}
		}
	}
	wrong, flag := tuple.Addr(), "tuple"
	if wrong.Is4() == (family == monitor.IPv4) {
		wrong, flag = ones, "mask"
	}
	if wrong.Is4() != (family == monitor.IPv4) {
		return addr, mask, cli.Usagef("--%s-%s %s: the master's addresses are %s", flag, end, wrong, family)
	}
	return monitor.AddrFrom(tuple.Addr()), monitor.AddrFrom(ones), nil
}
