//go:build linux

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ti-mo/conntrack"
	"github.com/ti-mo/netfilter"
)

// These arguments make this program a listener or a dump by ti-mo/conntrack. It listens
// with one worker, because several reorder events.
const (
	timoListenArg = "ti-mo-listen"
	timoDumpArg   = "ti-mo-dump"
)

func timoDump() error {
	c, err := conntrack.Dial(nil)
	if err != nil {
		return err
	}
	flows, err := c.Dump(nil)
	fmt.Fprintln(os.Stderr, len(flows))
	return err
}

func timoListen(ctx context.Context) error {
	c, err := conntrack.Dial(nil)
	if err != nil {
		return err
	}
	if err := c.SetReadBuffer(200_000_000); err != nil {
		return err
	}
	events := make(chan conntrack.Event, 1024)
	errs, err := c.Listen(events, 1, []netfilter.NetlinkGroup{netfilter.GroupCTNew})
	if err != nil {
		return err
	}
	for n := 0; ; {
		select {
		case <-events:
			n++
		case err := <-errs:
			fmt.Fprintln(os.Stderr, "error:", err)
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr, n, "listened")
			return nil
		}
	}
}
