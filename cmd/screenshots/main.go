//go:build linux

// Command screenshots takes the pictures of the documentation: it runs natlens in
// tmux, on the traffic of the lab, drives it by keys as a user would, and writes
// what the screen shows as SVG. It needs no privilege and no program but tmux;
// `make screenshots` runs it.
//
// Nothing waits for time to pass: each picture names what must stand on the
// screen, and is taken when it does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// host is what the pictures call the machine that they are taken on.
const host = "gw01"

func main() {
	if err := lab.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
	program := flag.String("natlens", "bin/natlens", "the `program` to take pictures of")
	dir := flag.String("dir", "docs/screens", "`directory` for the pictures")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, dir string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("%w (make build makes it)", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	t, err := newTerminals()
	if err != nil {
		return err
	}
	defer t.close()
	l, err := lab.Build(ctx, lab.Config{Acct: true, Timestamp: true, Helpers: true, ShortTimeouts: true})
	if err != nil {
		return fmt.Errorf("build the lab: %w", err)
	}
	defer l.Close()
	var traffic sync.WaitGroup
	busy, stop := context.WithCancel(ctx)
	defer traffic.Wait()
	defer stop()
	traffic.Go(func() { _ = l.Run(busy, lab.Traffic{}) }) // ends with busy

	s := &script{ctx: ctx, on: t, dir: dir, natlens: quoted(program)}
	return onGateway(l, s.play)
}

// onGateway calls f on a thread in the lab's gateway, with a host name that is
// nobody's. What f starts inherits both; the thread ends afterwards.
func onGateway(l *lab.Lab, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		done <- l.Gateway.Do(func() error {
			if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
				return fmt.Errorf("unshare host name: %w", err)
			}
			if err := unix.Sethostname([]byte(host)); err != nil {
				return fmt.Errorf("set host name: %w", err)
			}
			return f()
		})
	}()
	return <-done
}
