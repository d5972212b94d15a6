package table

import (
	"time"

	"natlens/monitor"
)

// Rate is bytes per second: of a flow, Up in the original direction and Down in the reply
// direction.
type Rate struct{ Up, Down float32 }

// Total returns the bytes per second of both directions.
func (r Rate) Total() float64 { return float64(r.Up) + float64(r.Down) }

// Window is the time over which a rate is smoothed. After a step of the true rate, the smoothed
// one has made 63 % of the step when the window is over.
type Window uint8

// The windows. With readings less than once a second, Over1s is the rate between the last two.
const (
	Over1s Window = iota
	Over10s
	Over60s
	Windows
)

// Span returns the length of the window.
func (w Window) Span() time.Duration {
	return [...]time.Duration{time.Second, 10 * time.Second, time.Minute}[w]
}

// ratedRow has the rates of a row, and is valid if the row's counters are known.
type ratedRow struct {
	read  monitor.Time // of the last reading of the counters
	since monitor.Time // of the first one
	rates [Windows]Rate
}
