// Package lab is a NAT gateway in throw-away network namespaces, with hosts on
// both sides of it, traffic, and a generator of many new flows.
//
//	client  192.168.77.2 ──lan──┐
//	                            ├── gateway ──wan── server 203.0.113.9
//	client2 192.168.77.3 ─lan2──┘ 192.168.77.1
//	                              203.0.113.1
//
// Everything is the kernel's own: veth pairs, nftables rules, conntrack, real
// packets. A test needs two lines:
//
//	func TestMain(m *testing.M) { lab.Main(m) }
//
//	func TestX(t *testing.T) {
//		l := lab.New(t)
//		l.TCPOnce(t.Context(), lab.TCP{From: l.Client, To: lab.ServerHTTPS, Bytes: 4096})
//		...
//	}
//
// and a command calls Enter before anything else, then Build and Run.
//
// No external program is run and no privilege is needed: Enter re-executes a
// process that may not make network namespaces in a user namespace of its own,
// where it may. Namespaces have no name and no mount: they are open files of
// this process and are gone when it is, even by SIGKILL.
//
// What it is not: a network emulator. There is no delay, no loss, no router
// besides the one gateway.
//
// The package works on Linux alone; elsewhere it is empty.
package lab
