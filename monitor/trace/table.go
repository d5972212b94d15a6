//go:build linux

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// tableOwner is NFT_TABLE_F_OWNER: the kernel removes the table with the socket that made
// it, and lets nobody else change it.
const tableOwner = 2

// firstPriority is that of the chains that mark packets: before the raw table, so that
// rules there are traced too.
const firstPriority = -400

// table is the table that marks packets.
type table struct {
	nftables.Table
	conn *nftables.Conn
}

// newTable makes the table. Packets that all expressions of a rule match are traced, up
// to the limit.
func newTable(ns int, rules [][]expr.Any, limit expr.Limit) (*table, error) {
	t := &table{Table: nftables.Table{
		Family: nftables.TableFamilyINet, Name: fmt.Sprintf("natlens-trace-%d", os.Getpid()), Flags: tableOwner,
	}}
	var err error
	t.conn, err = nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(ns), nftables.WithSockOptions(t.create))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", netns.Privilege(err))
	}
	set := t.conn.AddChain(&nftables.Chain{Table: &t.Table, Name: "mark"})
	t.conn.AddRule(&nftables.Rule{Table: &t.Table, Chain: set, Exprs: []expr.Any{
		&limit,
		&expr.Immediate{Register: 1, Data: []byte{1}},
		&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: 1},
	}})
	for name, hook := range map[string]*nftables.ChainHook{
		"prerouting": nftables.ChainHookPrerouting, "output": nftables.ChainHookOutput,
	} {
		chain := t.conn.AddChain(&nftables.Chain{
			Table: &t.Table, Name: name, Type: nftables.ChainTypeFilter, Hooknum: hook,
			Priority: nftables.ChainPriorityRef(firstPriority),
		})
		for _, match := range rules {
			t.conn.AddRule(&nftables.Rule{Table: &t.Table, Chain: chain, Exprs: append(match[:len(match):len(match)],
				&expr.Verdict{Kind: expr.VerdictGoto, Chain: set.Name})})
		}
	}
	if err := t.conn.Flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("nftables: %w", netns.Privilege(err)), t.close())
	}
	return t, nil
}

// create makes the table with its flag, which package nftables does not send.
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

// close removes the table.
func (t *table) close() error { return t.conn.CloseLasting() }
