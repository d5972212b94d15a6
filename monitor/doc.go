// Package monitor has the types of connection tracking: what a tuple, a flow, an event and
// a NAT rewrite are, and the interfaces between the packages that handle them. A [Source]
// gives batches of events, a [Filter] selects among them, and a [Sink] takes them.
// Package loop carries events from one to the other, through the table of package table.
//
// The package knows no socket, no file and no terminal, imports the standard
// library only and runs on every system. The words are the kernel's
// (include/uapi/linux/netfilter/nf_conntrack_common.h) and conntrack(8)'s.
package monitor
