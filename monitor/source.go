package monitor

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Source gives events in the order in which they happened.
type Source interface {
	// Next appends at least one event to an empty batch, or returns an error.
	// It blocks until there is one, or until ctx ends (and returns ctx.Err(),
	// perhaps with events in the batch). io.EOF means that the source has ended
	// well; the batch may hold its last events. What Next put into the batch is
	// good until the next call of Next or Close.
	Next(ctx context.Context, b *Batch) error

	// Close ends the source and unblocks Next. It may be called more than once,
	// and from another goroutine.
	Close() error
}

// Batches returns the batches of a source until it ends. io.EOF ends the sequence
// without an error. Any other error comes last, with the events before it, if any. A
// batch is valid until the next one. Batches does not close the source.
func Batches(ctx context.Context, s Source) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		var b Batch
		for {
			b.Reset()
			err := s.Next(ctx, &b)
			ended := errors.Is(err, io.EOF)
			if ended {
				err = nil
			}
			if (len(b.Events) > 0 || err != nil) && !yield(&b, err) || err != nil || ended {
				return
			}
		}
	}
}

// Each calls f for every event of a source until it ends. The event is valid during
// the call. Each does not close the source.
func Each(ctx context.Context, s Source, f func(*Event)) error {
	for b, err := range Batches(ctx, s) {
		for i := range b.Events {
			f(&b.Events[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Live is a source that the running kernel feeds from one network namespace or from
// several, which come and go: events of KindNetNSBegin and KindNetNSEnd report that.
type Live interface {
	Source

	// Poll is Next without waiting: the batch stays empty if nothing is there.
	Poll(b *Batch) error

	// Dump opens the kernel's tables of some network namespaces, nil: of all, as a
	// source of KindExisting events, one read of the kernel's answer a call, that ends
	// with io.EOF. Namespaces that are gone are skipped. It does not disturb the events
	// of the source.
	Dump(ctx context.Context, only []NetNS) (Source, error)
}

// Sink takes events. Write gets the events that passed the filter, never none,
// must not retain the batch and has written whole lines when it returns; an
// error ends the run. Close flushes, and closes what the sink opened itself.
type Sink interface {
	Write(b *Batch) error
	Close() error
}
