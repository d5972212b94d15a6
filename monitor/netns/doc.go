// Package netns finds the network namespaces of the host and names them: those
// that are mounted somewhere, as ip-netns(8) and container runtimes do, and those
// that processes live in. It enters them, opens netlink sockets in them and reads
// their addresses.
//
//	var f netns.Finder
//	if err := f.Scan(); err != nil { … }
//	for _, n := range f.Found() {
//		file, err := n.Open()
//		…
//	}
//
// Not found are namespaces that only an open file or a socket keeps alive, those
// in which nothing but a single thread of a process is, and mounts that only
// another mount namespace has, as long as no process is in them. Processes of
// others are seen as far as proc(5) shows them: a user without privilege finds
// those of his own.
package netns
