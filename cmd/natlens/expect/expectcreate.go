//go:build linux

package expect

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// expectedFlags say what is expected: each names one of a tuple's flags for the
// flow that is to come, or for the bits of it that count.
var expectedFlags = []struct{ name, as, arg, help string }{
	{"tuple-src", "orig-src", "ADDR[/BITS]", "source address of the expected flow"},
	{"tuple-dst", "orig-dst", "ADDR[/BITS]", "destination address of the expected flow"},
	{"tuple-port-src", "orig-port-src", "PORT", "source port of the expected flow"},
	{"tuple-port-dst", "orig-port-dst", "PORT", "destination port of the expected flow"},
	{"tuple-key-src", "orig-key-src", "KEY", "GRE source key of the expected flow"},
	{"tuple-key-dst", "orig-key-dst", "KEY", "GRE destination key of the expected flow"},
	{"mask-port-src", "orig-port-src", "MASK", "bits of the source port that count"},
	{"mask-port-dst", "orig-port-dst", "MASK", "bits of the destination port that count"},
	{"mask-key-src", "orig-key-src", "MASK", "bits of the source key that count"},
	{"mask-key-dst", "orig-key-dst", "MASK", "bits of the destination key that count"},
}

// expectedValue collects expectedFlags in the order in which they were given.
type expectedValue struct {
	given *[]filter.FlagValue
	name  string
	arg   string
}

func (v *expectedValue) String() string { return "" }
func (v *expectedValue) Type() string   { return v.arg }
func (v *expectedValue) Set(text string) error {
	*v.given = append(*v.given, filter.FlagValue{Name: v.name, Value: text})
	return nil
}

// expects registers the flags of an expectation that is to be made.
func (c *expectConfig) expects(cmd *cobra.Command) {
	f := cmd.Flags()
	for _, def := range expectedFlags {
		f.Var(&expectedValue{&c.expected, def.name, def.arg}, def.name, def.help)
		cli.MustComplete(cmd, def.name, cobra.NoFileCompletions)
	}
	cmd.Long = `Make an expectation by hand, for tests. Its master, which --proto and the flags of the original direction name, is
a flow in the table that has a helper. --tuple-src, --tuple-dst and the ports or keys say what is expected; where no mask
is given, what is given counts in all its bits, and a source port that is not given counts for nothing. The kernel asks
the helper's own rules for how long, and looks at the mask of the source alone.`
	cmd.Example = `  natlens expect create -p tcp -s 192.168.77.2 -d 203.0.113.9 \
    --orig-port-src 40000 --orig-port-dst 21 -t 60 \
    --tuple-src 203.0.113.9 --tuple-dst 192.168.77.2 \
    --tuple-port-dst 50000`
}

// create makes an expectation.
func (c *expectConfig) create(ctx context.Context, con cli.Console) error {
	master, err := c.tuple("create", "timeout", "mask-src", "mask-dst")
	if err != nil {
		return err
	}
	x := monitor.Expect{Master: master}
	if x.Timeout, err = c.timeout(); err != nil {
		return err
	}
	if err := c.expectedOf(&x); err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		if err := s.CreateExpect(ctx, &x); err != nil {
			return err
		}
		cli.TellDone(con, c.summary, 1, "expectation", "created")
		return nil
	})
}

func (c *expectConfig) timeout() (uint32, error) {
	for _, v := range c.filter.Given {
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

// expectedOf reads what is expected, and which bits of it count.
func (c *expectConfig) expectedOf(x *monitor.Expect) error {
	if err := c.expectedFits(&x.Master); err != nil {
		return err
	}
	tuple, mask := c.expectedParts(&x.Master)
	proto := filter.FlagValue{Name: "proto", Value: x.Master.Proto.String()}
	for _, part := range []struct {
		prefix string
		given  []filter.FlagValue
		into   *monitor.Tuple
	}{{"tuple-", tuple, &x.Tuple}, {"mask-", mask, &x.Mask}} {
		exact, err := cli.ReadExact("expect create", c.filter.Env, append(part.given, proto))
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

// expectedFits refuses what is no address of the master's family, and an expected
// flow without addresses or, for the kernel compares it whatever the mask is,
// without a destination port.
func (c *expectConfig) expectedFits(master *monitor.Tuple) error {
	needs := []string{"tuple-src", "tuple-dst"}
	switch p := master.Proto; {
	case p.HasPorts():
		needs = append(needs, "tuple-port-dst")
	case p == monitor.GRE:
		needs = append(needs, "tuple-key-dst")
	case p.IsICMP():
		return cli.Usagef("expect create: nothing is expected of protocol %s", p)
	}
	var names []string
	for _, v := range slices.Concat(c.expected, c.filter.Given) {
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

// expectedParts are the flags that make the expected tuple and its mask, by the
// names of the original direction's, with defaults for those that were not given.
func (c *expectConfig) expectedParts(master *monitor.Tuple) (tuple, mask []filter.FlagValue) {
	set := func(part *[]filter.FlagValue, name, value string) {
		if !slices.ContainsFunc(*part, func(v filter.FlagValue) bool { return v.Name == name }) {
			*part = append(*part, filter.FlagValue{Name: name, Value: value})
		}
	}
	for _, v := range slices.Concat(c.expected, c.filter.Given) {
		name := strings.TrimPrefix(strings.TrimPrefix(v.Name, "tuple-"), "mask-")
		switch {
		case strings.HasPrefix(v.Name, "mask-"):
			set(&mask, "orig-"+name, v.Value)
		case strings.HasPrefix(v.Name, "tuple-"):
			addr, bits, ok := strings.Cut(v.Value, "/")
			set(&tuple, "orig-"+name, addr)
			if ok {
				set(&mask, "orig-"+name, maskOf(addr, bits))
			}
		}
	}
	bits, ends := "32", []string{}
	if master.Family == monitor.IPv6 {
		bits = "128"
	}
	switch {
	case master.Proto.HasPorts():
		ends = []string{"orig-port-src", "orig-port-dst"}
	case master.Proto == monitor.GRE:
		ends = []string{"orig-key-src", "orig-key-dst"}
	}
	for _, name := range []string{"orig-src", "orig-dst"} {
		set(&mask, name, maskOf(master.Src.String(), bits))
	}
	for _, name := range ends {
		before := len(tuple)
		if strings.HasSuffix(name, "-src") {
			set(&tuple, name, "0")
		}
		value := "65535"
		if len(tuple) > before { // it was not given
			value = "0"
		}
		set(&mask, name, value)
	}
	return tuple, mask
}

// maskOf is the mask of a network as an address; what makes no sense stays, to be
// refused.
func maskOf(addr, bits string) string {
	p, err := netip.ParsePrefix(addr + "/" + bits)
	if err != nil {
		return bits
	}
	return net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen())).String()
}
