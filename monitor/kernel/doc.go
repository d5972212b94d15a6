// Package kernel sends requests to the running kernel: it dumps the connection
// tracking table, gets, creates, updates and deletes single flows and
// expectations, and reads counters, settings and the rules that turn tracking on.
//
//	d, err := kernel.Dump(ctx, 0) // the caller's network namespace
//	s, err := kernel.OpenService(0)
//
// Most requests need CAP_NET_ADMIN in the user namespace that owns the network
// namespace; an error then wraps [netns.ErrPrivilege].
//
// Events are in monitor/capture.
package kernel
