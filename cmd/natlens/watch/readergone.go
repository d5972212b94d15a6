//go:build linux

package watch

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"natlens/export"
)

// untilReaderGone returns a context that ends with ctx, with stop, or when w is a
// pipe whose reader has closed it; its cause is then EPIPE. The next write would return
// that error too, but an event may never come.
func untilReaderGone(ctx context.Context, w io.Writer) (_ context.Context, stop func(), err error) {
	pipe, ok := export.FileOf(w)
	if !ok || !isPipe(pipe) {
		return ctx, func() {}, nil
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("eventfd: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		waitReaderGone(int(pipe.Fd()), wake, cancel)
	}()
	return ctx, func() {
		unix.Write(wake, []byte{1, 1, 1, 1, 1, 1, 1, 1})
		<-done
		unix.Close(wake)
		cancel(nil)
	}, nil
}

// waitReaderGone waits for a hang-up of the pipe, or for wake.
func waitReaderGone(pipe, wake int, gone context.CancelCauseFunc) {
	// No event is asked for: poll(2) always reports errors and hang-ups.
	fds := []unix.PollFd{{Fd: int32(pipe)}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
		case err != nil, fds[1].Revents != 0:
			return
		default:
			gone(syscall.EPIPE)
			return
		}
	}
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}
