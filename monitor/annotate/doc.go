// Package annotate looks up what no message of the kernel contains: the process, user,
// container and pod of a flow, and with [OpenPlaces] the country, city and autonomous system of
// an address.
//
//	a := annotate.Open(annotate.Config{In: run.In, Refused: note})
//	defer a.Close()
//	a.Batch(batch) // sets Event.Local
//
// It joins a flow that begins or ends on this host to its socket, and the socket to the process
// that has it open. It joins a forwarded flow to the container that has one of its addresses.
// Without a certain match the flow gets no Local.
//
// Sockets are looked up at once, because a short flow soon closes its socket. A TCP socket in
// TIME_WAIT has no owner any more. Only sockets of TCP and UDP are looked up.
//
// Names come from files of the host, never from the API of a daemon. Reading /proc/PID/fd of
// other users needs CAP_SYS_PTRACE. Without it flows still get the user, and the container by
// the cgroup of the socket, but no process of another user.
package annotate
