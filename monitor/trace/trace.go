//go:build linux

package trace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/filter"
	"natlens/monitor/netns"
)

// Rate is the maximum number of packets that are traced in a time.
type Rate struct {
	Packets uint64
	Per     time.Duration // a second, minute or hour
}

// String returns the rate in the syntax of --rate, such as 10/s.
func (r Rate) String() string {
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	return fmt.Sprintf("%d/%s", r.Packets, unit)
}

// Config is what a Tracer traces. Rate is required.
type Config struct {
	NetNS  int         // file descriptor of the network namespace; 0: the caller's
	Wanted filter.Expr // compared with packets as they arrive, before NAT; nil: all
	Rate   Rate

	// Answers traces how flows begin, in both directions: packets that Wanted selects, their
	// answers and ICMP errors about them, but of TCP only packets with SYN or RST. Wanted may
	// then compare only protocol, addresses and ports. Packet.Answer and Packet.Reached need
	// it.
	Answers bool

	// Loops joins the two traces of a packet that this host sends to itself: as it is sent, and as it
	// returns over loopback. Linux before 6.16 does not report the flow that they share.
	Loops bool
}

// Tracer traces packets of one network namespace. Use it from one goroutine, and close it.
type Tracer struct {
	ns      int
	rate    Rate
	conn    *netlink.Conn
	table   *table
	rules   *Rules
	packets packets

	// Lost is how often the kernel dropped messages because the socket's buffer was full.
	Lost int
}

// Open creates the table that marks packets; Close removes it. The error is a [FilterError] if
// Config.Wanted can't be compared with packets. Without privilege it wraps netns.ErrPrivilege.
func Open(cfg Config) (*Tracer, error) {
	rules, err := match(cfg.Wanted)
	if err != nil {
		return nil, FilterError{err}
	}
	t := &Tracer{ns: cfg.NetNS, rate: cfg.Rate, packets: packets{loops: cfg.Loops}}
	if t.conn, err = netns.DialKernel(unix.NETLINK_NETFILTER, cfg.NetNS); err != nil {
		return nil, err
	}
	err = errors.Join(t.conn.SetReadBuffer(buffer), t.conn.JoinGroup(unix.NFNLGRP_NFTRACE))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("follow traces: %w", netns.Privilege(err)), t.conn.Close())
	}
	unit := map[time.Duration]expr.LimitTime{
		time.Second: expr.LimitTimeSecond, time.Minute: expr.LimitTimeMinute, time.Hour: expr.LimitTimeHour,
	}[cfg.Rate.Per]
	limit := expr.Limit{Type: expr.LimitTypePkts, Rate: cfg.Rate.Packets, Unit: unit, Burst: uint32(cfg.Rate.Packets)}
	var answers [][]expr.Any
	if cfg.Answers {
		if answers, err = build(cfg.Wanted, true); err != nil {
			return nil, errors.Join(FilterError{err}, t.conn.Close())
		}
	}
	if t.table, err = newTable(cfg.NetNS, rules, answers, limit); err != nil {
		return nil, errors.Join(err, t.conn.Close())
	}
	if t.rules, err = ReadRules(cfg.NetNS); err != nil { // after the table is created, to include it
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// buffer is the size of the socket's buffer in bytes. A message takes about 1 kB of it; a packet
// has about ten messages.
const buffer = 16 << 20

// FilterError means that a filter can't be compared with packets: it compares something that a
// packet does not have, or needs too many rules.
type FilterError struct{ error }

// Notes returns lines for the user: what the Tracer changes, and what it can't show.
func (t *Tracer) Notes() []string {
	notes := []string{fmt.Sprintf("table inet %s marks packets, at most %s, until natlens ends",
		t.table.Name, t.rate)}
	if err := t.rules.noText; err != nil {
		notes = append(notes, fmt.Sprintf("rules have no text: %v", err))
	}
	if legacy := t.rules.legacy; len(legacy) > 0 {
		notes = append(notes, "tables of iptables-legacy are loaded, and their rules are not traced: "+
			strings.Join(legacy, ", "))
	}
	return notes
}

// Also traces the packets of another filter too, until Close. The error is a [FilterError] if
// the filter can't be compared with packets.
func (t *Tracer) Also(e filter.Expr) error {
	rules, err := match(e)
	if err != nil {
		return FilterError{err}
	}
	t.table.mark(rules)
	if err := t.table.conn.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", netns.Privilege(err))
	}
	return nil
}

// Close removes the table. Call it after Run has returned.
func (t *Tracer) Close() error { return errors.Join(t.table.close(), t.conn.Close()) }

// quiet is how long Run waits for further messages of a packet. A packet passes all hooks in
// microseconds, but it may wait in a queue, or for a busy processor.
const quiet = 200 * time.Millisecond

// ErrDone ends Run without an error, if the function that Run calls returns it.
var ErrDone = errors.New("done")

// Run calls each with every packet that was dropped or has no message for 200 ms. each may keep
// the packet. Run ends when ctx ends or each returns ErrDone, both without an error, or with the
// error of each or of reading. A later Run continues.
func (t *Tracer) Run(ctx context.Context, each func(*Packet) error) error {
	defer context.AfterFunc(ctx, func() { _ = t.conn.SetReadDeadline(time.Unix(1, 0)) })()
	for ctx.Err() == nil {
		if err := t.conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			return err
		}
		msgs, err := t.conn.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			t.Lost++
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("read traces: %w", err)
		}
		now := time.Now()
		for _, m := range msgs {
			if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_TRACE {
				continue
			}
			if msg, err := decode(m.Data); err == nil {
				t.packets.add(&msg, t.step(&msg), msg.table == t.table.Name, now, t.nameOf)
			}
		}
		for _, p := range t.packets.ended(now.Add(-quiet)) {
			if err := each(p); errors.Is(err, ErrDone) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// step returns the step of a message, with the text of its rule. It has no headers yet.
func (t *Tracer) step(m *message) Step {
	chain, r := t.rules.find(t.ns, m)
	s := Step{}
	if r != nil {
		s = r.step()
	}
	s.Chain, s.Kind, s.Handle = chain, m.kind, m.handle
	s.Verdict, s.Target = verdictName(m.verdict), m.jump
	return s
}

// nameOf returns the name of an interface of the Tracer's network namespace; "" if the index is
// 0 or there is no such interface.
func (t *Tracer) nameOf(index uint32) (name string) {
	if index == 0 {
		return ""
	}
	_ = netns.Do(t.ns, func() error {
		i, err := net.InterfaceByIndex(int(index))
		if err == nil {
			name = i.Name
		}
		return err
	})
	return name
}
