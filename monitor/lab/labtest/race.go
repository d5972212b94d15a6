//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// Race has two datagrams pass the gateway at the same moment, one on each of two
// CPUs.
type Race struct {
	To netip.AddrPort // IPv4

	// TwoHosts has both clients send one, from the same port; else one client sends
	// both from one socket, as a resolver library does that asks for A and AAAA at
	// once.
	TwoHosts bool

	Rate int // races a second at the most; 0 is as many as go
}

// ErrOneCPU is the error of RunRace on a machine with one CPU.
var ErrOneCPU = errors.New("a race takes two CPUs")

// The source ports of races, which begin again when all were used.
const firstRacePort, racePorts = 20000, 40000

// raced counts the races of this process.
var raced atomic.Int64

// maxRaces is how many races RunRace tries.
const maxRaces = 4000

// RunRace runs races, each from a new port, until enough returns true. It calls enough
// after every twentieth race and returns an error if it never returns true.
func RunRace(ctx context.Context, l *lab.Lab, r Race, enough func() bool) error {
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		return err
	}
	if cpus.Count() < 2 {
		return ErrOneCPU
	}
	second := &racer{to: unix.SockaddrInet4{Port: int(r.To.Port()), Addr: r.To.Addr().As4()}}
	go second.run(nth(&cpus, 1))
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		onCPU(nth(&cpus, 0))
		done <- races(ctx, l, r, second, enough)
		second.turn.Store(maxRaces + 1)
	}()
	return <-done
}

// races is the goroutine of the first sender.
func races(ctx context.Context, l *lab.Lab, r Race, second *racer, enough func() bool) error {
	to := second.to // of its own: a send writes into it
	start := time.Now()
	for i := range int64(maxRaces) {
		if err := pace(ctx, r.Rate, int(i), start); err != nil {
			return err
		}
		fds, err := raceSockets(l, r, firstRacePort+int(raced.Add(1)%racePorts))
		if err != nil {
			return err
		}
		second.fd.Store(int64(fds[1]))
		second.turn.Store(i + 1)
		_ = unix.Sendto(fds[0], []byte("?"), 0, &to) // lost or not: that is the race
		spin(&second.done, i+1)
		unix.Close(fds[0])
		if fds[1] != fds[0] {
			unix.Close(fds[1])
		}
		if i%20 == 0 && enough() {
			return nil
		}
	}
	return fmt.Errorf("%d races were not enough", maxRaces)
}

// raceSockets opens the sockets that the two datagrams leave from.
func raceSockets(l *lab.Lab, r Race, port int) (fds [2]int, err error) {
	from := [2]*lab.Namespace{l.Client, l.Client2}
	for i := range from {
		if i == 1 && !r.TwoHosts {
			return [2]int{fds[0], fds[0]}, nil
		}
		err := from[i].Do(func() (err error) {
			fds[i], err = udpSocket([4]byte{}, uint16(port))
			return err
		})
		if err != nil {
			if i == 1 {
				unix.Close(fds[0])
			}
			return fds, err
		}
	}
	return fds, nil
}

// racer is the second sender: a datagram for each turn that it is given.
type racer struct {
	turn, done atomic.Int64
	fd         atomic.Int64
	to         unix.SockaddrInet4
}

// run is the racer's goroutine. It ends with the turn after the last.
func (r *racer) run(cpu int) {
	runtime.LockOSThread()
	onCPU(cpu)
	for i := int64(1); ; i++ {
		spin(&r.turn, i)
		if r.turn.Load() > maxRaces {
			return
		}
		_ = unix.Sendto(int(r.fd.Load()), []byte("?"), 0, &r.to)
		r.done.Store(i)
	}
}

// spin waits until n is at least so much.
func spin(n *atomic.Int64, least int64) {
	for i := 1; n.Load() < least; i++ {
		if i%10000 == 0 {
			unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

// onCPU binds the thread to a CPU.
func onCPU(n int) {
	var set unix.CPUSet
	set.Set(n)
	_ = unix.SchedSetaffinity(0, &set) // without, races are fewer
}

// nth is the number of the n-th CPU of a set, from 0.
func nth(set *unix.CPUSet, n int) int {
	for i := 0; ; i++ {
		if set.IsSet(i) {
			if n == 0 {
				return i
			}
			n--
		}
	}
}
