//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/lab/labtest"
)

// The terminal UI is measured for screenSeconds, at the speed of the generator's first run.
const (
	screenSeconds = 5
	mostFlows     = 400_000 // a second: more than any machine makes
)

// screen prints the cost of the terminal UI with b.flows flows in its table and new flows
// at full speed.
func (b *bench) screen(ctx context.Context) error {
	title := fmt.Sprintf("terminal UI, 160 columns and 50 lines, %d flows in its table and more at full speed", b.flows)
	t := newTable(title, "program", "% of one core", "KB/s", "lost", "peak MiB", "flows/s")
	defer t.Flush()
	if !b.wanted(t, "terminal UI", b.natlens) {
		return nil
	}
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		return err
	}
	defer g.Close()
	term, err := openTerminal(160, 50)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer term.Close()
	cmd := exec.CommandContext(ctx, b.natlens)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	term.attach(cmd)
	if err := startIn(g.Namespace(), cmd, ""); err != nil {
		return err
	}
	defer cmd.Process.Kill()
	full, err := g.Generate(ctx, labtest.GenConfig{Flows: b.flows})
	if err != nil {
		return err
	}
	rate := int(float64(full.Flows) / full.Elapsed.Seconds())
	cpu, written := cpuOf(cmd.Process.Pid), term.written()
	made, err := g.Generate(ctx, labtest.GenConfig{Flows: screenSeconds * rate, Rate: rate, Base: 1})
	if err != nil {
		return err
	}
	cpu, written = cpuOf(cmd.Process.Pid)-cpu, term.written()-written
	lost, err := term.lost(ctx)
	if err != nil {
		return err
	}
	peak := peakResident(cmd.Process.Pid)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	cmd.Wait()
	seconds := made.Elapsed.Seconds()
	t.row("natlens", 100*cpu.Seconds()/seconds, float64(written)/1000/seconds, lost, peak>>20,
		int(float64(made.Flows)/seconds))
	return nil
}

// pseudo is a pseudo-terminal. It keeps all output.
type pseudo struct {
	master, slave *os.File

	mu  sync.Mutex
	out []byte
}

func openTerminal(columns, lines uint16) (*pseudo, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	p := &pseudo{master: master, slave: slave}
	go p.read()
	return p, p.resize(columns, lines)
}

func (p *pseudo) resize(columns, lines uint16) error {
	return unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines})
}

// attach makes the terminal the controlling terminal of the command.
func (p *pseudo) attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
}

// read keeps the output until the terminal is closed.
func (p *pseudo) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.master.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.out = append(p.out, buf[:n]...)
		p.mu.Unlock()
	}
}

func (p *pseudo) written() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.out)
}

var lostOnScreen = regexp.MustCompile(`lost[ \x1b\[0-9;m]*? ([0-9,]+)`)

// lost makes the UI draw its screen again, in another size, and returns the number of
// lost events on it.
func (p *pseudo) lost(ctx context.Context) (string, error) {
	from := p.written()
	if err := p.resize(158, 48); err != nil {
		return "", err
	}
	for range 500 {
		if ctx.Err() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		p.mu.Lock()
		m := lostOnScreen.FindSubmatch(p.out[from:])
		p.mu.Unlock()
		if m != nil {
			return string(bytes.ReplaceAll(m[1], []byte(","), nil)), nil
		}
	}
	return "", fmt.Errorf("the screen shows no number of lost events")
}

func (p *pseudo) Close() error {
	p.slave.Close()
	return p.master.Close()
}
