//go:build linux

package watch

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"natlens/cmd/natlens/cli"
)

// onHangup reopens the output at each SIGHUP, as logrotate(8) asks for, until stop is called. If the terminal of the
// run was closed, SIGHUP ends the returned context instead. SIGHUP stays ignored if it was, as nohup(1) does it.
func (o *Options) onHangup(ctx context.Context, con cli.Console, out *cli.Output) (_ context.Context, stop func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	interactive := hasTerminal()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
			}
			switch {
			case interactive && !hasTerminal():
				cancel()
			case !out.Reopen():
				o.note(con, "SIGHUP: no file can be opened again; watch --append, watch --rotate and record have one")
			}
		}
	}()
	return ctx, func() { signal.Stop(hangup); cancel() }
}

// hasTerminal reports whether the process has a controlling terminal that still exists.
func hasTerminal() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}
