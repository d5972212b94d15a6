//go:build linux

package trace

import (
	"fmt"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// Chain is a chain of nf_tables.
type Chain struct {
	Family string // ip, ip6, inet, …
	Table  string
	Name   string
	Type   string // filter, nat, route; "": no base chain
	Hook   string // prerouting, …; "": no base chain
	Prio   int
	policy int // verdict of a base chain
	rules  int // how many it has
	index  int // in the kernel's list
}

// String returns the chain as nft(8) names it.
func (c *Chain) String() string { return c.Family + " " + c.Table + " " + c.Name }

// familyName returns nft's word for a family (NFPROTO_).
func familyName(family uint8) string {
	switch family {
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_IPV6:
		return "ip6"
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_ARP:
		return "arp"
	case unix.NFPROTO_BRIDGE:
		return "bridge"
	case unix.NFPROTO_NETDEV:
		return "netdev"
	}
	return fmt.Sprint("family ", family)
}

// hookName returns nft's word for a hook of a family (enum nf_inet_hooks, nf_dev_hooks, NF_ARP_*).
func hookName(family string, hook uint32) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	switch family {
	case "netdev":
		names = []string{"ingress", "egress"}
	case "arp":
		names = []string{"input", "output", "forward"}
	}
	if int(hook) < len(names) {
		return names[hook]
	}
	return fmt.Sprint("hook ", hook)
}

// hooks maps nft's names to hooks. The hooks ingress and egress are not part of a walk.
var hooks = map[string]monitor.Hook{
	"prerouting": monitor.Prerouting, "input": monitor.Input, "forward": monitor.Forward,
	"output": monitor.Output, "postrouting": monitor.Postrouting,
}

// The verdicts NF_DROP, NF_ACCEPT and NF_QUEUE.
const (
	verdictDrop   = 0
	verdictAccept = 1
	verdictQueue  = 3
)

// verdictName returns nft's word for a verdict (NFT_ or NF_).
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
