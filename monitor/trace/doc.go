// Package trace reports which rules of nf_tables each packet meets. The kernel sends a message
// for each rule that a traced packet matches, and for each policy (nfnetlink group
// NFNLGRP_NFTRACE). A Tracer adds a table whose rules mark packets (nft's "meta nftrace set 1"),
// and joins the messages to packets:
//
//	t, err := trace.Open(trace.Config{Wanted: expr, Rate: trace.Rate{Packets: 10, Per: time.Second}})
//	defer t.Close()
//	err = t.Run(ctx, func(p *trace.Packet) error { … })
//
// The kernel removes the table when the Tracer is closed or its process ends, even by SIGKILL.
// A Tracer changes no other table.
//
// The package works on Linux only. Elsewhere it is empty.
package trace
