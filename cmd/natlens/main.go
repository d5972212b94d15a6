// Command natlens watches Linux connection tracking live and shows what NAT does to every flow. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"natlens/cmd/natlens/cli"
)

// signalInstant is how long after the first signal a second one counts as the same.
const signalInstant = 300 * time.Millisecond

func main() {
	// A closed pipe ends the program without an error, not by a signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the run in order, a later one at once. Two within signalInstant
	// count as one: timeout(1) sends its signal to the process and to its group.
	context.AfterFunc(ctx, func() {
		time.Sleep(signalInstant)
		stop()
	})
	os.Exit(run(ctx, cli.Console{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Alone: true},
		os.Args[1:]))
}
