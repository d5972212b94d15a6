//go:build linux

package expect

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// expectedFlags describe the flow that is expected, and which bits of it count.
var expectedFlags = []struct{ name, arg, help string }{
	{"tuple-src", "ADDR[/BITS]", "source address of the expected flow"},
	{"tuple-dst", "ADDR[/BITS]", "destination address of the expected flow"},
	{"tuple-port-src", "PORT", "source port of the expected flow"},
	{"tuple-port-dst", "PORT", "destination port of the expected flow"},
	{"tuple-key-src", "KEY", "GRE source key of the expected flow"},
	{"tuple-key-dst", "KEY", "GRE destination key of the expected flow"},
	{"mask-port-src", "MASK", "bits of the source port that count"},
	{"mask-port-dst", "MASK", "bits of the destination port that count"},
	{"mask-key-src", "MASK", "bits of the source key that count"},
	{"mask-key-dst", "MASK", "bits of the destination key that count"},
}

// expectedValue collects expectedFlags in the order in which they were given.
type expectedValue struct {
	given     *[]filter.FlagValue
	name, arg string
}

func (v *expectedValue) String() string { return "" }
func (v *expectedValue) Type() string   { return v.arg }
func (v *expectedValue) Set(text string) error {
	*v.given = append(*v.given, filter.FlagValue{Name: v.name, Value: text})
	return nil
}

// expects registers the flags of an expectation that is made.
func (o *options) expects(cmd *cobra.Command) {
	for _, def := range expectedFlags {
		cmd.Flags().Var(&expectedValue{&o.expected, def.name, def.arg}, def.name, def.help)
		cli.MustComplete(cmd, def.name, cobra.NoFileCompletions)
	}
	cmd.Long = `Make an expectation by hand, for tests. Its master, which --proto and the flags of the original direction name, is a flow in the table that has a helper. --tuple-src, --tuple-dst and the ports or keys describe the expected flow. Without a mask all bits of a value count, and a source port that is not given does not count. How long the expectation lasts is up to the helper, and the kernel uses the mask of the source only.`
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
	return o.service(func(s *kernel.Service) error {
		if err := s.CreateExpect(ctx, &x); err != nil {
			return err
		}
		cli.TellDone(o.con, o.summary, 1, "expectation", "created")
		return nil
	})
}

func (o *options) timeout() (uint32, error) {
	for _, v := range o.filter.Given {
		if def, _ := filter.FlagByName(v.Name); def.Name == "timeout" {
			n, err := cli.Number32(v, v.Value)
			if err != nil {
				return 0, err
			}
			return *n, nil
		}
	}
	return 0, cli.Usagef("expect create needs --timeout")
}

// expectedOf reads the expected tuple and its mask.
func (o *options) expectedOf(x *monitor.Expect) error {
	if err := o.checkExpected(&x.Master); err != nil {
		return err
	}
	tuple, mask := o.expectedParts(&x.Master)
	proto := filter.FlagValue{Name: "proto", Value: x.Master.Proto.String()}
	for _, part := range []struct {
		prefix string
		given  []filter.FlagValue
		into   *monitor.Tuple
	}{{"tuple-", tuple, &x.Tuple}, {"mask-", mask, &x.Mask}} {
		exact, err := cli.ReadExact("expect create", o.filter.Env, append(part.given, proto))
		if wrong := new(filter.FlagError); errors.As(err, &wrong) {
			wrong.Flag = part.prefix + strings.TrimPrefix(wrong.Flag, "orig-")
		}
		if err != nil {
			return err
		}
		f, err := exact.Flow()
		if err != nil {
			return err
		}
		*part.into = f.Orig
	}
	return nil
}

// checkExpected reports addresses that are not of the master's family, and an expected flow without addresses or
// destination port: the kernel compares the port whatever the mask is.
func (o *options) checkExpected(master *monitor.Tuple) error {
	needs := []string{"tuple-src", "tuple-dst"}
	switch p := master.Proto; {
	case p.HasPorts():
		needs = append(needs, "tuple-port-dst")
	case p == monitor.GRE:
		needs = append(needs, "tuple-key-dst")
	case p.IsICMP():
		return cli.Usagef("expect create: protocol %s has no expectations", p)
	}
	var names []string
	for _, v := range slices.Concat(o.expected, o.filter.Given) {
		names = append(names, v.Name)
		if !slices.Contains([]string{"tuple-src", "tuple-dst", "mask-src", "mask-dst"}, v.Name) {
			continue
		}
		addr, _, _ := strings.Cut(v.Value, "/")
		switch a, err := netip.ParseAddr(addr); {
		case err != nil:
			return cli.Usagef("--%s %s: not an address", v.Name, monitor.Escape(v.Value))
		case a.Is4() != (master.Family == monitor.IPv4):
			return cli.Usagef("--%s %s: the master's addresses are %s", v.Name, monitor.Escape(v.Value), master.Family)
		}
	}
	for _, need := range needs {
		if !slices.Contains(names, need) {
			return cli.Usagef("expect create needs --%s", need)
		}
	}
	return nil
}

// expectedParts are the flags that make the expected tuple and its mask, by the names of the original direction's, with
// defaults for those that were not given.
func (o *options) expectedParts(master *monitor.Tuple) (tuple, mask []filter.FlagValue) {
	set := func(part *[]filter.FlagValue, name, value string) (added bool) {
		if added = !slices.ContainsFunc(*part, func(v filter.FlagValue) bool { return v.Name == name }); added {
			*part = append(*part, filter.FlagValue{Name: name, Value: value})
		}
		return added
	}
	for _, v := range slices.Concat(o.expected, o.filter.Given) {
		if name, ok := strings.CutPrefix(v.Name, "mask-"); ok {
			set(&mask, "orig-"+name, v.Value)
		} else if name, ok := strings.CutPrefix(v.Name, "tuple-"); ok {
			addr, bits, masked := strings.Cut(v.Value, "/")
			if set(&tuple, "orig-"+name, addr); masked {
				set(&mask, "orig-"+name, netmask(addr, bits))
			}
		}
	}
	bits := "32"
	if master.Family == monitor.IPv6 {
		bits = "128"
	}
	set(&mask, "orig-src", netmask(master.Src.String(), bits))
	set(&mask, "orig-dst", netmask(master.Src.String(), bits))
	end := ""
	switch {
	case master.Proto.HasPorts():
		end = "orig-port-"
	case master.Proto == monitor.GRE:
		end = "orig-key-"
	default:
		return tuple, mask
	}
	if set(&tuple, end+"src", "0") {
		set(&mask, end+"src", "0")
	}
	set(&mask, end+"src", "65535")
	set(&mask, end+"dst", "65535")
	return tuple, mask
}

// netmask is the mask of a network as an address. What makes no sense stays, to be reported.
func netmask(addr, bits string) string {
	p, err := netip.ParsePrefix(addr + "/" + bits)
	if err != nil {
		return bits
	}
	return net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen())).String()
}
