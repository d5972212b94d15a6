package monitor

// Resync says how a table is reconciled with the kernel's after a loss.
type Resync struct{}

type resync struct {
	epoch uint32
}

func (r *resync) tombstone(e *Event) {}
