//go:build linux

// Package annotate looks up what is in no message of the kernel: the process, user,
// container and pod of a flow.
//
//	a := annotate.Open(annotate.Config{In: run.In})
//	defer a.Close()
//	a.Batch(batch) // sets Event.Local
//
// A flow that begins or ends on this host is joined to its socket, and the socket to the
// process that has it open. A forwarded flow is joined to a container that has one of its
// addresses. What can't be joined for sure is left out.
//
// Sockets are asked for at once, because a short flow closes its socket soon. A TCP socket
// in TIME_WAIT has no owner any more. Only TCP and UDP are looked up.
//
// Names come from files of the host, never from the API of a daemon. The files
// /proc/PID/fd of other users need CAP_SYS_PTRACE. Without it processes are left out;
// users are shown, and containers by the cgroup of the socket.
package annotate
