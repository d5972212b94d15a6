//go:build linux && !nolab

package why

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/lab"
)

func init() { inLab = (*options).inLab }

// inLab builds the lab, and runs the command in its gateway while a host of the lab sends
// packets. It returns a usage error if no host of the lab has the sender's address.
func (o *options) inLab(ctx context.Context) error {
	if err := lab.Enter(); err != nil {
		return err
	}
	l, err := lab.Build(ctx, lab.Config{})
	if err != nil {
		return fmt.Errorf("build the lab: %w", err)
	}
	defer l.Close()
	hosts := map[netip.Addr]*lab.Namespace{
		{}: l.Server, lab.ServerIP: l.Server, lab.ServerIP6: l.Server, lab.ClientIP: l.Client, lab.ClientIP6: l.Client,
		lab.Client2IP: l.Client2, lab.Client2IP6: l.Client2,
	}
	host := hosts[o.from]
	if host == nil {
		return cli.Usagef("from %s: no host of the lab has it; the hosts have %s, %s and %s", o.from, lab.ServerIP,
			lab.ClientIP, lab.Client2IP)
	}
	o.capture.Netns = l.Gateway.Path()
	sending, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	o.started = func() {
		running.Go(func() {
			for sending.Err() == nil {
				o.sendOnce(sending, l, host)
			}
		})
	}
	return o.run(ctx)
}

// sendOnce sends a packet to the address, and waits for the answer. It ignores errors: the trace
// shows what happened.
func (o *options) sendOnce(ctx context.Context, l *lab.Lab, host *lab.Namespace) {
	switch o.proto {
	case monitor.TCP:
		if conn, err := host.DialTCP(ctx, netip.AddrPort{}, o.to); err == nil {
			conn.Close()
		}
	case monitor.UDP:
		_, _ = l.UDPOnce(ctx, lab.UDP{From: host, To: o.to, NoReply: true})
	case monitor.SCTP:
		_, _ = l.SCTPOnce(ctx, lab.SCTP{From: host, To: o.to, Local: netip.AddrPortFrom(netip.Addr{}, 40000)})
	}
	select { // a refused packet is answered at once: do not repeat it in a busy loop
	case <-ctx.Done():
	case <-time.After(slice):
	}
}
