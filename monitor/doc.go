// Package monitor holds the words of connection tracking: what a tuple, a flow,
// an event and a NAT rewrite are, the live [Table] of flows, and the [Monitor]
// that carries events from one [Source] through the table and a filter to sinks.
//
// A program that prints what the kernel tracks is five lines:
//
//	m := monitor.Monitor{
//		Source: src, // monitor/capture, monitor/replay
//		Table:  monitor.NewTable(monitor.TableConfig{}),
//		Sinks:  []monitor.Sink{sink}, // export
//	}
//	err := m.Run(ctx)
//
// The package knows no socket, no file and no terminal, imports the standard
// library only and runs on every system. The words are the kernel's
// (include/uapi/linux/netfilter/nf_conntrack_common.h) and conntrack(8)'s.
package monitor
