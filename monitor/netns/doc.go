// Package netns finds and names the network namespaces of the host: those that are
// mounted, as by ip-netns(8) and container runtimes, and those of processes. It enters
// them, opens netlink sockets in them and reads their addresses.
//
//	var f netns.Finder
//	if err := f.Scan(); err != nil { … }
//	for _, n := range f.Found() {
//		file, err := n.Open()
//		…
//	}
//
// It does not find namespaces that only an open file, a socket or a single thread keeps
// alive, or that only another mount namespace has mounted. A user without privilege finds
// only the namespaces of the user's own processes, as proc(5) shows no others.
package netns
