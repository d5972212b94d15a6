//go:build linux

package labtest

import (
	"context"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"natlens/monitor/lab"
)

// TestRelated: each helper's conversation has the gateway expect a flow, which
// comes and has a master.
func TestRelated(t *testing.T) {
	l := New(t)
	c, err := conntrack.Dial(&netlink.Config{NetNS: l.Gateway.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, once := range map[string]func(context.Context, *lab.Lab, Related) error{"tftp": TFTPOnce, "sip": SIPOnce, "pptp": PPTPOnce} {
		t.Run(name, func(t *testing.T) {
			if !l.Helps(name) {
				Lack(t, "helper "+name)
			}
			steps := 0
			err := once(t.Context(), l, Related{
				Expected: func() error {
					steps++
					expects, err := c.DumpExpect()
					if !slices.ContainsFunc(expects, func(x conntrack.Expect) bool { return x.HelpName == name }) {
						t.Errorf("no expectation of %s: %+v", name, expects)
					}
					return err
				},
				Come: func() error {
					steps++
					flows, err := c.Dump(nil)
					if !slices.ContainsFunc(
						flows,
						func(f conntrack.Flow) bool { return f.TupleMaster.Proto.DestinationPort != 0 },
					) {
						t.Errorf("no flow has a master: %+v", flows)
					}
					return err
				},
			})
			if err != nil || steps != 2 {
				t.Errorf("%v, after %d steps", err, steps)
			}
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
