package metrics

import "time"

// bounds are the upper bounds of a histogram's buckets. Longer durations have no bucket.
type bounds [16]time.Duration

var handshakeBounds = bounds{
	100 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond,
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

var lifetimeBounds = bounds{
	100 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second,
	20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
	3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 4 * time.Hour, 24 * time.Hour, 5 * 24 * time.Hour,
}

// histogram counts durations by bucket. The caller passes its bounds.
type histogram struct {
	buckets [len(bounds{})]uint64 // each without the shorter ones
	n       uint64
	sum     float64 // seconds
}

func (h *histogram) add(d time.Duration, at *bounds) {
	d = max(d, 0) // two clocks may disagree
	h.n++
	h.sum += d.Seconds()
	for i := range at {
		if d <= at[i] {
			h.buckets[i]++
			return
		}
	}
}
