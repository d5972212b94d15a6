// Package trace shows the way of packets through the rules of nf_tables. The kernel sends a
// message for each rule that a traced packet matches, and for each policy (nfnetlink group
// NFNLGRP_NFTRACE). A Tracer marks packets with a table of its own, and joins the messages to
// packets:
//
//	t, err := trace.Open(trace.Config{Wanted: expr, Rate: trace.Rate{Packets: 10, Per: time.Second}})
//	defer t.Close()
//	err = t.Run(ctx, func(p *trace.Packet) error { … })
//
// The kernel removes the table when the Tracer is closed or its process ends, also after
// SIGKILL. A Tracer changes no other table.
//
// The package works on Linux only. Elsewhere it is empty.
package trace
