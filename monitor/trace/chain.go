//go:build linux

package trace

import (
	"cmp"
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

var families = map[uint8]string{
	unix.NFPROTO_IPV4: "ip", unix.NFPROTO_IPV6: "ip6", unix.NFPROTO_INET: "inet", unix.NFPROTO_ARP: "arp",
	unix.NFPROTO_BRIDGE: "bridge", unix.NFPROTO_NETDEV: "netdev",
}

// familyName returns nft's word for a family (NFPROTO_).
func familyName(family uint8) string { return cmp.Or(families[family], fmt.Sprint("family ", family)) }

// hookName returns nft's word for a hook of a family (enum nf_inet_hooks, nf_dev_hooks, NF_ARP_*).
func hookName(family string, hook uint32) string {
	names, ok := map[string][]string{"netdev": {"ingress", "egress"}, "arp": {"input", "output", "forward"}}[family]
	if !ok {
		names = []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
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

var verdicts = map[int32]string{
	verdictDrop: "drop", verdictAccept: "accept", 2: "stolen", verdictQueue: "queue", // stolen: such as by synproxy
	unix.NFT_CONTINUE: "continue", unix.NFT_BREAK: "continue", unix.NFT_JUMP: "jump", unix.NFT_GOTO: "goto",
	unix.NFT_RETURN: "return",
}

// verdictName returns nft's word for a verdict (NFT_ or NF_, which has more in its upper bits).
func verdictName(code int32) string {
	return cmp.Or(verdicts[code], verdicts[code&0xff], fmt.Sprint("verdict ", code))
}
