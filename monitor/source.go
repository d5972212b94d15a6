package monitor

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Source returns events in the order in which they happened.
type Source interface {
	// Next appends at least one event to an empty batch, or returns an error. It blocks until
	// an event comes or ctx ends; then it returns ctx.Err(), perhaps with events in the batch.
	// io.EOF means that the source ended without an error; the batch may contain its last
	// events. The events are valid until the next call of Next or Close.
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

// Live is a source of the running kernel, for one network namespace or for several, which begin
// and end during the run: events of KindNetNSBegin and KindNetNSEnd report that.
type Live interface {
	Source

	// Poll is Next without waiting: if there are no events, the batch stays empty.
	Poll(b *Batch) error

	// Dump opens the kernel's tables of the namespaces in only (nil: all) as a source of
	// KindExisting events that ends with io.EOF. Each call of Next reads once from the kernel.
	// Namespaces that have ended are skipped. Dump does not disturb the events of the source.
	Dump(ctx context.Context, only []NetNS) (Source, error)
}

// Sink writes events. Write gets at least one event, all of which passed the filter. It must
// not retain the batch, and has written whole lines when it returns. An error ends the run.
// Close flushes, and closes what the sink opened itself.
type Sink interface {
	Write(b *Batch) error
	Close() error
}
