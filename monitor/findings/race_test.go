//go:build linux

package findings

import (
	"net/netip"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// racer sends a datagram for each turn that it is given, from a CPU of its own.
type racer struct {
	turn, done atomic.Int64
	fd         atomic.Int64
	to         unix.SockaddrInet4
}

// run is the racer's goroutine.
func (r *racer) run(times int64) {
	runtime.LockOSThread() // the thread ends with the goroutine
	onCPU(1)
	for i := int64(1); i <= times; i++ {
		spin(&r.turn, i)
		if fd := int(r.fd.Load()); fd >= 0 {
			_ = unix.Sendto(fd, []byte("?"), 0, &r.to)
		}
		r.done.Store(i)
	}
}

// onCPU binds the thread to a CPU.
func onCPU(n int) {
	var set unix.CPUSet
	set.Set(n)
	_ = unix.SchedSetaffinity(0, &set) // without, races are fewer
}

// spin waits until n is at least so much.
func spin(n *atomic.Int64, least int64) {
	for i := 1; n.Load() < least; i++ {
		if i%10000 == 0 {
			unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

// race has two datagrams leave at the same moment, again and again until enough
// says so: from one socket of the client, or from one of each client's with the
// same port.
func (g *gateway) race(to netip.AddrPort, twoHosts bool, enough func() bool) {
	g.t.Helper()
	var cpus unix.CPUSet
	if g.must(unix.SchedGetaffinity(0, &cpus)); cpus.Count() < 2 {
		lab.Lack(g.t, "second CPU, which a race takes")
	}
	const times = 4000
	r := &racer{to: unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}}
	go r.run(times) // ends with the last turn
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		onCPU(0)
		for i := range int64(times) {
			var fds [2]int
			port := 20000 + int(i)
			g.must(g.l.Client.Do(func() (err error) { fds[0], err = udpFrom(port); return err }))
			fds[1] = fds[0]
			if twoHosts {
				g.must(g.l.Client2.Do(func() (err error) { fds[1], err = udpFrom(port); return err }))
			}
			r.fd.Store(int64(fds[1]))
			r.turn.Store(i + 1)
			_ = unix.Sendto(fds[0], []byte("?"), 0, &r.to)
			spin(&r.done, i+1)
			unix.Close(fds[0])
			if twoHosts {
				unix.Close(fds[1])
			}
			if i%20 == 0 && enough() {
				r.fd.Store(-1)
				r.turn.Store(times)
				return
			}
		}
		g.t.Errorf("%d races, and the counter has not moved enough", times)
	}()
	<-done
}

// udpFrom opens a socket with a port.
func udpFrom(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrInet4{Port: port})
}
