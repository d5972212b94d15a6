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

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/netns"
)

// Rate limits how many packets are traced.
type Rate struct {
	Packets uint64
	Per     time.Duration // a second, minute or hour
}

// String returns the rate as --rate has it: 10/s.
func (r Rate) String() string {
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	return fmt.Sprintf("%d/%s", r.Packets, unit)
}

// Config configures a Tracer.
type Config struct {
	NetNS  int         // file descriptor of the network namespace; 0: the caller's
	Wanted filter.Expr // compared with packets as they come, before NAT; nil: all
	Rate   Rate

	// Answers traces how flows begin, in both directions: packets of Wanted, their answers
	// and ICMP errors about them, but of TCP only packets with SYN or RST. Then Wanted has
	// only conditions on protocol, addresses and ports. Packet.Answer and Packet.Reached
	// need it.
	Answers bool
}

// Tracer traces packets. Use it from one goroutine.
type Tracer struct {
	ns      int
	rate    Rate
	conn    *netlink.Conn
	table   *table
	rules   *Rules
	packets packets

	// NoText is why rules have no text; nil if they have.
	NoText error
	// Legacy are the tables of iptables-legacy that are loaded, such as "iptables nat". The kernel
	// does not trace them.
	Legacy []string
	// Lost counts the times that messages were lost because they were read too slowly.
	Lost int
}

var errShort = errors.New("short trace message")

// Open makes the table that marks packets. The error is a [FilterError] if Config.Wanted
// compares something that a packet does not have. Close removes the table.
func Open(cfg Config) (*Tracer, error) {
	rules, err := match(cfg.Wanted)
	if err != nil {
		return nil, FilterError{err}
	}
	t := &Tracer{ns: cfg.NetNS, rate: cfg.Rate}
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
	if t.rules, err = ReadRules(cfg.NetNS); err != nil { // with the table
		return nil, errors.Join(err, t.Close())
	}
	t.NoText, t.Legacy = t.rules.noText, t.rules.legacy
	return t, nil
}

// buffer is the size of the socket's buffer in bytes. The kernel counts about 1 kB for a
// message; a packet has about ten.
const buffer = 16 << 20

// FilterError is the error of a filter that compares something that a packet does not have.
type FilterError struct{ error }

// Table returns the name of the table that marks packets.
func (t *Tracer) Table() string { return "inet " + t.table.Name }

// Notes returns what a user should know: what the Tracer changes, and what it cannot show.
func (t *Tracer) Notes() []string {
	notes := []string{fmt.Sprintf("table %s marks packets, at most %s, until natlens ends", t.Table(), t.rate)}
	if t.NoText != nil {
		notes = append(notes, fmt.Sprintf("rules have no text: %v", t.NoText))
	}
	if len(t.Legacy) > 0 {
		notes = append(notes, "tables of iptables-legacy are loaded, and their rules are not traced: "+
			strings.Join(t.Legacy, ", "))
	}
	return notes
}

// Also traces packets of one more filter.
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

// Close removes the table.
func (t *Tracer) Close() error { return errors.Join(t.table.close(), t.conn.Close()) }

// quiet is how long Run waits for more messages before it passes a packet on. The way through
// all hooks takes microseconds, but a packet may wait in a queue.
const quiet = 50 * time.Millisecond

// ErrDone ends Run without an error.
var ErrDone = errors.New("done")

// Run calls each with every packet, in the order of their last messages, until ctx ends or each
// returns an error.
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

// step returns the step of a message, with the text of its rule.
func (t *Tracer) step(m *message) Step {
	chain, rule := t.rules.find(t.ns, m)
	return Step{
		Chain: chain, Kind: m.kind, Handle: m.handle, Text: rule.text, Comment: rule.comment,
		Verdict: verdictName(m.verdict), Target: m.jump,
	}
}

// verdictName returns nft's word.
func verdictName(code int32) string {
	switch code {
	case unix.NFT_CONTINUE, unix.NFT_BREAK:
		return "continue"
	case unix.NFT_JUMP:
		return "jump"
	case unix.NFT_GOTO:
		return "goto"
	case unix.NFT_RETURN:
		return "return"
	}
	switch code & 0xff {
	case 0:
		return "drop"
	case 1:
		return "accept"
	case 2:
		return "stolen" // such as by synproxy
	case 3:
		return "queue"
	}
	return fmt.Sprint("verdict ", code)
}

// nameOf returns the name of an interface.
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

// confirmed reports whether the flow is in the table.
func (f *Flow) confirmed() bool { return f.Status&monitor.Confirmed != 0 }
