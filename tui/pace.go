package tui

import (
	"io"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
)

// pace says when the next frame is due: at most ten a second, and so seldom that the terminal
// gets no more bytes a second than a slow line can carry.
type pace struct {
	out   *meter
	bytes uint64 // of the meter at the last frame
}

const (
	frameEvery   = 100 * time.Millisecond
	frameSlowest = time.Second
	bytesASecond = 30_000
	costShare    = 10 // asking the table takes at most a tenth of the time
)

// frameMsg is the beginning of a frame.
type frameMsg time.Time

// next returns the time until the next frame.
func (p *pace) next() time.Duration {
	if p.out == nil {
		return frameEvery
	}
	n := p.out.n.Load()
	spent := time.Duration(n-p.bytes) * time.Second / bytesASecond
	p.bytes = n
	return min(max(frameEvery, spent), frameSlowest)
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

// openFile is what Bubble Tea needs of a terminal, such as *os.File.
type openFile interface {
	io.ReadWriteCloser
	Fd() uintptr
}

// terminal is a meter that is a terminal too.
type terminal struct {
	openFile
	*meter
}

func (t terminal) Write(b []byte) (int, error) { return t.meter.Write(b) }

// metered returns w with a meter; a file stays one.
func metered(w io.Writer) (io.Writer, *meter) {
	m := &meter{Writer: w}
	if f, ok := w.(openFile); ok {
		return terminal{f, m}, m
	}
	return m, m
}

// keyFPS is how often the renderer looks for a new screen. That is how long a key waits for
// its frame, not how often there is one.
const keyFPS = 120
