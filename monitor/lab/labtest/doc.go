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
// Beside the lab it has a generator of many new flows, conversations of helpers, races
// of packets on two CPUs, rules for the gateway, limits of the host's table, and
// [Need], which skips a test for a program that is not installed.
//
// The package works on Linux only; elsewhere it has Need alone.
package labtest
