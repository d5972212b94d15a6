package export

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
)

// pipeOutlet returns an outlet to a pipe, and the end of the pipe to read from.
func pipeOutlet(t *testing.T, ctx context.Context) (o *Outlet, read *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close(); write.Close() })
	o, ok := NewOutlet(ctx, write).(*Outlet)
	if !ok {
		t.Fatal("no outlet for a pipe")
	}
	return o, read
}

// Each Write arrives, also one that comes after the outlet has written everything.
func TestOutletWritesAgain(t *testing.T) {
	for _, room := range []int{0, 1 << 20} {
		o, read := pipeOutlet(t, t.Context())
		o.SetRoom(room)
		for _, line := range []string{"one\n", "two\n", "three\n"} {
			if _, err := io.WriteString(o, line); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(line))
			if _, err := io.ReadFull(read, got); err != nil || string(got) != line {
				t.Errorf("room %d: %q, %v", room, got, err)
			}
			if err := o.Flush(); err != nil {
				t.Error(err)
			}
		}
	}
}

// After the end of the context a reader that takes nothing does not hold up a Write. The error counts the lines that
// are not in the pipe.
func TestOutletUnread(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	o, read := pipeOutlet(t, ctx)
	const lines = 10_000 // more than a pipe holds
	written := make(chan error)
	go func() {
		_, err := o.Write(bytes.Repeat([]byte("0123456789012345678901234567890123456789 a line of 77 characters in the pipe\n"), lines))
		written <- err
	}()
	end()
	err := <-written
	unread, ok := errors.AsType[*UnreadError](err)
	if !ok {
		t.Fatal(err)
	}
	got := make([]byte, 1<<20)
	n, _ := read.Read(got)
	if in := bytes.Count(got[:n], newline); in == 0 || in+unread.Lines != lines {
		t.Errorf("%d lines in the pipe, %d not handed over", in, unread.Lines)
	}
}
