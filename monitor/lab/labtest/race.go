//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

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
	var usable unix.CPUSet
	if err := unix.SchedGetaffinity(0, &usable); err != nil {
		return err
	}
	var cpus []int
	for cpu := range 8 * int(unsafe.Sizeof(usable)) { // bits
		if usable.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	if len(cpus) < 2 {
		return ErrOneCPU
	}
	start := time.Now()
	for i := range maxRaces {
		if err := pace(ctx, r.Rate, i, start); err != nil {
			return err
		}
		if err := r.run(l, cpus); err != nil {
			return err
		}
		if i%20 == 0 && enough() {
			return nil
		}
	}
	return fmt.Errorf("%d races were not enough", maxRaces)
}

// run runs one race on the first two CPUs.
func (r Race) run(l *lab.Lab, cpus []int) error {
	port := firstRacePort + uint16(raced.Add(1)%racePorts)
	from := netip.AddrPortFrom(netip.IPv4Unspecified(), port)
	first, err := l.Client.ListenUDP(from)
	if err != nil {
		return err
	}
	defer first.Close()
	second := first
	if r.TwoHosts {
		if second, err = l.Client2.ListenUDP(from); err != nil {
			return err
		}
		defer second.Close()
	}
	var ready atomic.Int32
	var senders sync.WaitGroup
	for i, conn := range []*net.UDPConn{first, second} {
		senders.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			var cpu unix.CPUSet
			cpu.Set(cpus[i])
			_ = unix.SchedSetaffinity(0, &cpu) // on failure there are fewer races
			raw, err := conn.SyscallConn()
			if err != nil {
				return // closed
			}
			to := &unix.SockaddrInet4{Port: int(r.To.Port()), Addr: r.To.Addr().As4()}
			_ = raw.Control(func(fd uintptr) {
				for ready.Add(1); ready.Load() < 2; {
				}
				_ = unix.Sendto(int(fd), []byte("?"), 0, to) // either may be dropped
			})
		})
	}
	senders.Wait()
	return nil
}
