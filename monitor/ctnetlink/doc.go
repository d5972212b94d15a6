// Package ctnetlink reads the wire of connection tracking: the bytes of one
// ctnetlink message become one [monitor.Event].
//
//	var d ctnetlink.Decoder
//	err := d.Decode(msg, &batch) // one more event in the batch
//
// There are no sockets here; monitor/capture and monitor/kernel have them. A message is what stands
// in one nlmsghdr: an event of the groups NFNLGRP_CONNTRACK_{NEW,UPDATE,DESTROY},
// or one flow of a dump's or a get's answer. Expectations, statistics and the
// control messages of netlink are told apart with [ErrNotConntrack].
//
// The decoder is lenient where a newer kernel may say more (attributes and
// children that it does not know are skipped and counted) and strict where bytes
// contradict themselves (lengths, sizes, a tuple without addresses): that is an
// error, never a panic, and never half an event.
//
// Numbers on the wire are big endian, the headers of messages and attributes are
// in the byte order of the host, which here is this machine: bytes recorded on a
// machine of the other order can't be read.
//
// The words are those of include/uapi/linux/netfilter/nfnetlink_conntrack.h; what
// the kernel puts in and leaves out is decided in net/netfilter/nf_conntrack_netlink.c.
package ctnetlink
