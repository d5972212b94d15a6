//go:build linux

package main

import (
	"fmt"
	"os"
	"os/signal"

	"github.com/ti-mo/conntrack"
	"github.com/ti-mo/netfilter"
)

// The words that make this program a listener by ti-mo/conntrack's Listen, with
// one worker, because several reorder events, and a dump by its Dump.
const (
	timoListenArg = "ti-mo-listen"
	timoDumpArg   = "ti-mo-dump"
)

func timoDump() {
	c, err := conntrack.Dial(nil)
	if err != nil {
		fatal(err)
	}
	flows, err := c.Dump(nil)
	if err != nil {
		fatal(err)
	}
	fmt.Fprintln(os.Stderr, len(flows))
}

func timoListen() {
	c, err := conntrack.Dial(nil)
	if err != nil {
		fatal(err)
	}
	c.SetReadBuffer(200_000_000)
	events := make(chan conntrack.Event, 1024)
	errs, err := c.Listen(events, 1, []netfilter.NetlinkGroup{netfilter.GroupCTNew})
	if err != nil {
		fatal(err)
	}
	done := make(chan os.Signal, 1)
	signal.Notify(done, os.Interrupt)
	for n := 0; ; {
		select {
		case <-events:
			n++
		case err := <-errs:
			fmt.Fprintln(os.Stderr, "error:", err)
		case <-done:
			fmt.Fprintln(os.Stderr, n)
			return
		}
	}
}

func timoEvents(r *result) (n uint64, err error) {
	_, err = fmt.Sscan(r.stderr, &n)
	return n, err
}
