// Package monitor has the types of connection tracking: what a tuple, a flow, an event and a
// NAT rewrite are, and the interfaces between the packages that handle them. A [Source] returns
// batches of events, a [Filter] selects events, and a [Sink] writes them. Package loop connects
// them, through the table of package table.
//
// The package opens no socket, file or terminal, imports only the standard library and runs on
// every system. The words are the kernel's (include/uapi/linux/netfilter/nf_conntrack_common.h)
// and conntrack(8)'s.
package monitor
