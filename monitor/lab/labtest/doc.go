// Package labtest is the lab for tests and benchmarks. A test needs two lines:
//
//	func TestMain(m *testing.M) { labtest.Main(m) }
//
//	func TestX(t *testing.T) {
//		l := labtest.New(t)
//		l.TCPOnce(t.Context(), lab.TCP{To: lab.ServerHTTPS, Bytes: 4096})
//		...
//	}
//
// It also has a generator of many new flows, races of packets
// on two CPUs, rules for the gateway, limits of the host's table, and [Need], which skips
// a test if a program is not installed.
//
// The package works on Linux only. Elsewhere it has only Need and its like.
package labtest
