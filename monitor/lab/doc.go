// Package lab is a NAT gateway in throw-away network namespaces, with hosts on
// both sides of it and traffic.
//
//	client  192.168.77.2 ──lan──┐
//	                            ├── gateway ──wan── server 203.0.113.9
//	client2 192.168.77.3 ─lan2──┘ 192.168.77.1
//	                              203.0.113.1
//
// It consists of veth pairs, nftables rules, conntrack and real packets. A program calls
// Enter before anything else, then Build and Run:
//
//	if err := lab.Enter(); err != nil { ... }
//	l, err := lab.Build(ctx, lab.Config{Acct: true})
//	defer l.Close()
//	l.Run(ctx, lab.Traffic{})
//
// Tests use package labtest.
//
// The lab runs no external program and needs no privilege: if the process may not make
// network namespaces, Enter runs it again in a new user namespace. The namespaces have
// no name and no mount. Open files of this process hold them, so they vanish with it,
// even after SIGKILL.
//
// The lab is no network emulator: it has no delay, no loss and only one router.
//
// The package works on Linux only. Elsewhere it is empty.
package lab
