package tui

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
)

// pace says when the next frame is due: at most ten a second; so seldom that
// asking the table takes a tenth of the time; and so seldom that the terminal
// gets no more bytes a second than a line to a far-away gateway bears.
type pace struct {
	out   *meter
	bytes uint64 // of the meter at the last frame
}

const (
	frameEvery   = 100 * time.Millisecond
	frameSlowest = 2 * time.Second
	costShare    = 10
	bytesASecond = 30_000
)

// frameMsg is the beginning of a frame.
type frameMsg time.Time

// next returns the time until the next frame.
func (p *pace) next(cost time.Duration) time.Duration {
	d := max(frameEvery, costShare*cost)
	if p.out != nil {
		n := p.out.n.Load()
		spent := time.Duration(n-p.bytes) * time.Second / bytesASecond
		p.bytes = n
		d = max(d, min(spent, frameSlowest))
	}
	return min(d, frameSlowest)
}

func tickIn(d time.Duration) tea.Cmd {
	return tea.Tick(d, func(t time.Time) tea.Msg { return frameMsg(t) })
}

// meter counts the bytes that go to the terminal.
type meter struct {
	io.Writer
	n atomic.Uint64
}

func (m *meter) Write(b []byte) (int, error) {
	m.n.Add(uint64(len(b)))
	return m.Writer.Write(b)
}

// terminal is a meter that is a terminal too.
type terminal struct {
	*os.File
	*meter
}

func (t terminal) Write(b []byte) (int, error) { return t.meter.Write(b) }

// metered returns w with a meter; a file stays one.
func metered(w io.Writer) (io.Writer, *meter) {
	m := &meter{Writer: w}
	if f, ok := w.(*os.File); ok {
		return terminal{f, m}, m
	}
	return m, m
}
