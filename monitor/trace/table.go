//go:build linux

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// tableOwner is NFT_TABLE_F_OWNER: the kernel removes the table when the socket that created it
// is closed, and no other process can change it.
const tableOwner = 2

// firstPriority is the priority of the chains that mark packets: before the raw table, so that
// rules there are traced too.
const firstPriority = -400

// tablePrefix begins the name of the table of each Tracer.
const tablePrefix = "natlens-trace-"

// table is the table that marks packets. close removes it.
type table struct {
	nftables.Table
	conn  *nftables.Conn
	first []*nftables.Chain // the chains at firstPriority
}

// newTable creates the table in the network namespace ns (0: the caller's). Packets that match
// all expressions of one of rules are traced, up to the limit. answers compare the flow of a
// packet: packets that match one of them in the reply direction are traced up to a limit of
// their own. If answers is not nil, the table has a chain at each hook.
func newTable(ns int, rules, answers [][]expr.Any, limit expr.Limit) (*table, error) {
	t := &table{Table: nftables.Table{
		Family: nftables.TableFamilyINet, Name: fmt.Sprint(tablePrefix, os.Getpid()), Flags: tableOwner,
	}}
	var err error
	t.conn, err = nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(ns), nftables.WithSockOptions(t.create))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", netns.Privilege(err))
	}
	t.addSet(chainMark, limit)
	pre, out := nftables.ChainHookPrerouting, nftables.ChainHookOutput
	t.first = []*nftables.Chain{t.addChain("prerouting", pre, firstPriority), t.addChain("output", out, firstPriority)}
	if answers != nil {
		t.addAnswers(answers, limit)
	}
	t.mark(rules)
	if err := t.conn.Flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("nftables: %w", netns.Privilege(err)), t.close())
	}
	return t, nil
}

// The chains that mark packets. The rules of other chains goto them.
const (
	chainMark    = "mark"
	chainAnswers = "mark-answer"
)

// addSet adds a chain that marks packets (sets nftrace), with its own limit.
func (t *table) addSet(name string, limit expr.Limit) {
	set := t.conn.AddChain(&nftables.Chain{Table: &t.Table, Name: name})
	t.add(set,
		&limit,
		&expr.Immediate{Register: 1, Data: []byte{1}},
		&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: 1})
}

func (t *table) addChain(name string, hook *nftables.ChainHook, prio nftables.ChainPriority) *nftables.Chain {
	return t.conn.AddChain(&nftables.Chain{
		Table: &t.Table, Name: name, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &prio,
	})
}

func (t *table) add(c *nftables.Chain, rule ...expr.Any) {
	t.conn.AddRule(&nftables.Rule{Table: &t.Table, Chain: c, Exprs: rule})
}

// mark adds rules that mark packets to the chains at firstPriority, with the next Flush.
func (t *table) mark(rules [][]expr.Any) {
	for _, chain := range t.first {
		for _, match := range rules {
			t.add(chain, append(slices.Clip(match), &expr.Verdict{Kind: expr.VerdictGoto, Chain: chainMark})...)
		}
	}
}

// addAnswers adds the chains for Config.Answers. Those that mark answers are after conntrack's
// lookup. The chains without rules make the kernel report that a packet reached their hook.
func (t *table) addAnswers(rules [][]expr.Any, limit expr.Limit) {
	t.addSet(chainAnswers, limit)
	tracked := []*nftables.Chain{
		t.addChain("tracked", nftables.ChainHookPrerouting, -150),
		t.addChain("tracked-output", nftables.ChainHookOutput, -150),
	}
	for _, c := range slices.Concat(t.first, tracked) {
		const synOrRST = 1<<1 | 1<<2
		t.add(c,
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
			payload(expr.PayloadBaseTransportHeader, 13, 1),
			masked([]byte{synOrRST}),
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0}},
			&expr.Verdict{Kind: expr.VerdictReturn})
	}
	for _, c := range tracked {
		for _, match := range rules {
			rule := []expr.Any{
				&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{1}},
			}
			rule = append(append(rule, match...), &expr.Verdict{Kind: expr.VerdictGoto, Chain: chainAnswers})
			t.add(c, rule...)
		}
	}
	t.addChain("prerouting-end", nftables.ChainHookPrerouting, 1000) // after NAT
	t.addChain("forward", nftables.ChainHookForward, firstPriority)
	t.addChain("input", nftables.ChainHookInput, firstPriority)
	t.addChain("postrouting", nftables.ChainHookPostrouting, 1000)
}

// create creates the table with its flag, which package nftables does not send. It fails if a
// table with this name exists.
func (t *table) create(c *netlink.Conn) error {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_TABLE_NAME, Data: append([]byte(t.Name), 0)},
		{Type: unix.NFTA_TABLE_FLAGS, Data: binary.BigEndian.AppendUint32(nil, t.Flags)},
	})
	if err != nil {
		return err
	}
	header := netlink.Header{
		Type:  unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWTABLE,
		Flags: netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Excl,
	}
	subsystem := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}
	_, err = c.SendMessages([]netlink.Message{
		{Header: netlink.Header{Type: unix.NFNL_MSG_BATCH_BEGIN, Flags: netlink.Request}, Data: subsystem},
		{Header: header, Data: append([]byte{byte(t.Family), unix.NFNETLINK_V0, 0, 0}, attrs...)},
		{Header: netlink.Header{Type: unix.NFNL_MSG_BATCH_END, Flags: netlink.Request}, Data: subsystem},
	})
	if err == nil {
		_, err = c.Receive()
	}
	return err
}

// close closes the socket that owns the table, so that the kernel removes the table.
func (t *table) close() error { return t.conn.CloseLasting() }
