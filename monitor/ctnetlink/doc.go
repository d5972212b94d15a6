// Package ctnetlink decodes messages of ctnetlink, one message to one [monitor.Event], and
// builds requests.
//
//	var d ctnetlink.Decoder
//	err := d.Decode(msg, &batch) // one more event in the batch
//
// The package has no sockets; monitor/capture and monitor/kernel do. A message is one
// nlmsghdr with its payload: an event of the groups NFNLGRP_CONNTRACK_{NEW,UPDATE,DESTROY},
// or one flow of the answer to a dump or a get. For expectations, statistics and netlink's
// control messages Decode returns [ErrNotConntrack].
//
// The decoder skips and counts unknown attributes, which a newer kernel may send. It
// rejects contradictory bytes: lengths, sizes, a tuple without addresses. It never panics
// and never returns part of an event.
//
// Numbers are big endian. Headers have the byte order of the host, so messages recorded
// on a machine of the other byte order cannot be read.
//
// Names follow include/uapi/linux/netfilter/nfnetlink_conntrack.h. The kernel builds the
// messages in net/netfilter/nf_conntrack_netlink.c.
package ctnetlink
