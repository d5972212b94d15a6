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

// Race is two datagrams that pass the gateway at the same moment, each on its own CPU.
type Race struct {
	To netip.AddrPort // IPv4

	// TwoHosts makes each client send one datagram, from the same port. Otherwise one
	// client sends both from one socket, like a resolver that asks for A and AAAA.
	TwoHosts bool

	Rate int // most races a second; 0 is full speed
}

// ErrOneCPU is the error of RunRace on a machine with one CPU.
var ErrOneCPU = errors.New("a race needs two CPUs")

const (
	firstRacePort, racePorts = 20000, 40000 // source ports
	maxRaces                 = 4000         // of one RunRace
)

// raced counts the races of this process, for the next source port.
var raced atomic.Int64

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
	go second.run(&cpus)
	done := make(chan error)
	go func() {
		onCPU(&cpus, 0)
		done <- races(ctx, l, r, second, enough)
		second.turn.Store(maxRaces + 1)
	}()
	return <-done
}

// races is the goroutine of the first sender.
func races(ctx context.Context, l *lab.Lab, r Race, second *racer, enough func() bool) error {
	to := second.to // a copy, because a send writes into it
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
		_ = unix.Sendto(fds[0], []byte("?"), 0, &to) // either may be dropped
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

// raceSockets opens the sockets of the two datagrams.
func raceSockets(l *lab.Lab, r Race, port int) (fds [2]int, err error) {
	if fds[0], err = udpSocket(l.Client, port); err != nil || !r.TwoHosts {
		return [2]int{fds[0], fds[0]}, err
	}
	if fds[1], err = udpSocket(l.Client2, port); err != nil {
		unix.Close(fds[0])
	}
	return fds, err
}

// udpSocket opens a UDP socket of a namespace. Nothing is faster than its descriptor.
func udpSocket(n *lab.Namespace, port int) (fd int, err error) {
	err = n.Do(func() error {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
		if err != nil {
			return err
		}
		if err = unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
			unix.Close(fd)
		}
		return err
	})
	return fd, err
}

// racer is the second sender. It sends a datagram for each turn.
type racer struct {
	turn, done atomic.Int64
	fd         atomic.Int64
	to         unix.SockaddrInet4
}

// run is the racer's goroutine. It ends with the turn after the last race.
func (r *racer) run(cpus *unix.CPUSet) {
	onCPU(cpus, 1)
	for i := int64(1); ; i++ {
		spin(&r.turn, i)
		if r.turn.Load() > maxRaces {
			return
		}
		_ = unix.Sendto(int(r.fd.Load()), []byte("?"), 0, &r.to)
		r.done.Store(i)
	}
}

// spin waits until n is at least least.
func spin(n *atomic.Int64, least int64) {
	for i := 1; n.Load() < least; i++ {
		if i%10000 == 0 {
			unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

// onCPU binds the goroutine to the n-th CPU of a set, from 0. Its thread ends with it.
func onCPU(cpus *unix.CPUSet, n int) {
	runtime.LockOSThread()
	for cpu := 0; ; cpu++ {
		if !cpus.IsSet(cpu) {
			continue
		}
		if n--; n < 0 {
			var set unix.CPUSet
			set.Set(cpu)
			_ = unix.SchedSetaffinity(0, &set) // on failure there are fewer races
			return
		}
	}
}
