// Package kernel is the running Linux kernel as a source of connection tracking
// events and as a service: capture of the event stream (by netlink socket or BPF
// ring), dumps of the table, the local addresses; and by a [Service] single flows
// to get, create, change and delete, expectations, and the kernel's counters.
//
// A capture is opened in one network namespace and reads it in one goroutine:
//
//	c, err := kernel.Open(kernel.Config{})
//	if err != nil { … }
//	defer c.Close()
//	var b monitor.Batch
//	for err == nil {
//		b.Reset()
//		err = c.Next(ctx, &b) // blocks; then whole batches
//	}
//
// It needs CAP_NET_ADMIN in the user namespace that owns the network namespace.
// What the kernel drops because the reader was too slow is an event of
// KindLost, exact wherever the kernel keeps a count.
package kernel
