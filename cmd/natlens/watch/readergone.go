//go:build linux

package watch

import (
	"context"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"natlens/export"
)

// untilReaderGone returns a context that ends with ctx, or when w is a pipe whose reader has
// closed it; its cause is then EPIPE. The next write would return that error too, but there may
// be no more events. Its goroutine ends with the reader or with this process.
func untilReaderGone(ctx context.Context, w io.Writer) context.Context {
	pipe, ok := export.FileOf(w)
	if !ok {
		return ctx
	}
	info, err := pipe.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return ctx
	}
	ctx, gone := context.WithCancelCause(ctx)
	fds := []unix.PollFd{{Fd: int32(pipe.Fd())}} // no events requested: poll(2) always reports a hang-up
	go func() {
		err := error(unix.EINTR)
		for err == unix.EINTR {
			_, err = unix.Poll(fds, -1)
		}
		if err == nil {
			gone(syscall.EPIPE)
		}
	}()
	return ctx
}
