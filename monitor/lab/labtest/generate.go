//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// A run uses one source port after the other:
//
//	198.18.0.1+Base:20000 ─▶ 198.18.10.2:1000 … :13799
//	198.18.0.1+Base:20001 ─▶ 198.18.10.2:1000 … :13799
//	…
const (
	firstSport     = 20000
	firstDport     = 1000
	flowsPerSource = 12800
	batchSize      = 64 // packets per system call; divides flowsPerSource
)

// GenConfig describes the flows to make.
type GenConfig struct {
	Flows int // number of flows, at most 582,860,800
	Rate  int // flows a second; 0 is full speed
	// Base, 0 to 253, is added to the source address. Runs with different bases make
	// different flows.
	Base int
}

// Made is the result of a run.
type Made struct {
	// Flows is the number of packets that the kernel accepted. Each made a new flow, if
	// its tuple was not in the table.
	Flows int
	// Refused is the number of packets that the kernel dropped, because the conntrack
	// table or a buffer was full.
	Refused int
	Elapsed time.Duration
}

func (m *Made) tried() int { return m.Flows + m.Refused }

// Generate makes flows until all are made or ctx ends. Then the error is ctx's, and Made
// counts the flows so far.
func (g *Generator) Generate(ctx context.Context, cfg GenConfig) (made Made, err error) {
	start := time.Now()
	for sport := firstSport; made.tried() < cfg.Flows && err == nil; sport++ {
		err = g.fromPort(ctx, cfg, sport, start, &made)
	}
	made.Elapsed = time.Since(start)
	if err != nil {
		return made, fmt.Errorf("generate: %w", err)
	}
	return made, nil
}

// fromPort makes the flows of one source port.
func (g *Generator) fromPort(ctx context.Context, cfg GenConfig, sport int, start time.Time, made *Made) error {
	src := generatorSrc.As4()
	src[3] += byte(cfg.Base)
	var conn *net.UDPConn
	err := g.ns.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: src[:], Port: sport})
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	to := ipv4.NewPacketConn(conn)
	batch := make([]ipv4.Message, batchSize)
	addrs := make([]net.UDPAddr, batchSize)
	for i := range batch {
		addrs[i].IP = generatorDst.AsSlice()
		batch[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 8)}, Addr: &addrs[i]}
	}
	for dport := firstDport; dport < firstDport+flowsPerSource && made.tried() < cfg.Flows; dport += batchSize {
		n := min(batchSize, cfg.Flows-made.tried())
		for i := range n {
			addrs[i].Port = dport + i
		}
		if err := send(to, batch[:n], made); err != nil {
			return err
		}
		if err := pace(ctx, cfg.Rate, made.tried(), start); err != nil {
			return err
		}
	}
	return nil
}

// send sends the packets. It skips those that the kernel refuses.
func send(conn *ipv4.PacketConn, batch []ipv4.Message, made *Made) error {
	for len(batch) > 0 {
		n, err := conn.WriteBatch(batch, 0)
		switch {
		case err == nil:
			made.Flows += n
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOBUFS): // EPERM: conntrack's table is full
			n = 1
			made.Refused++
		default:
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// pace waits until n flows are due at the rate.
func pace(ctx context.Context, rate, n int, start time.Time) error {
	if rate > 0 {
		due := time.Duration(float64(n) / float64(rate) * float64(time.Second))
		if ahead := due - time.Since(start); ahead > time.Millisecond {
			select {
			case <-ctx.Done():
			case <-time.After(ahead):
			}
		}
	}
	return ctx.Err()
}
