//go:build linux

package lab_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestTCPStates holds TCPOnce to its promise: the classic seven states, each
// in an event of its own, many times over.
func TestTCPStates(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: l.Gateway.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, group := range []uint32{unix.NFNLGRP_CONNTRACK_NEW, unix.NFNLGRP_CONNTRACK_UPDATE} {
		if err := c.JoinGroup(group); err != nil {
			t.Fatal(err)
		}
	}
	// Of nf_conntrack_tcp.h: SYN_SENT is 1, TIME_WAIT 7.
	want := []uint8{1, 2, 3, 4, 5, 6, 7}
	for range 20 {
		if _, err := l.TCPOnce(t.Context(), lab.TCP{To: lab.ServerHTTPS, Bytes: 2000}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, statesUntil(t, c, 7)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// statesUntil reads the TCP states of events up to and with the last one.
func statesUntil(t *testing.T, c *netlink.Conn, last uint8) []uint8 {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var states []uint8
	for !slices.Contains(states, last) {
		messages, err := c.Receive()
		if err != nil {
			t.Fatalf("after the states %v: %v", states, err)
		}
		for _, m := range messages {
			var e conntrack.Event
			if err := e.Unmarshal(m); err != nil {
				t.Fatal(err)
			}
			if e.Flow.ProtoInfo.TCP != nil {
				states = append(states, e.Flow.ProtoInfo.TCP.State)
			}
		}
	}
	return states
}
