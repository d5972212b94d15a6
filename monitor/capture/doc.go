// Package capture reads connection tracking events from the running kernel, by a BPF ring or by
// netlink sockets, of one network namespace or of all.
//
//	c, err := capture.Open(capture.Config{Dump: kernel.Dump})
//	if err != nil { … }
//	defer c.Close()
//	var b monitor.Batch
//	for err == nil {
//		b.Reset()
//		err = c.Next(ctx, &b) // blocks; then whole batches
//	}
//
// One goroutine reads a capture. It needs CAP_NET_ADMIN in the user namespace that owns the
// network namespace; the ring also needs CAP_BPF.
//
// If the reader is too slow, the kernel drops events. Capture reports them as an event of
// KindLost, with an exact count if the kernel has one.
package capture
