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

// screenSeconds is how long the terminal UI is measured, at the rate of the
// generator's first run.
const (
	screenSeconds = 5
	mostFlows     = 400_000 // a second, that any machine is expected to make
)

// screen prints what the terminal UI costs with b.flows flows in its table while
// as many events go on coming as the machine makes.
func (b *bench) screen(ctx context.Context) error {
	fmt.Printf("\nterminal UI, 160 columns and 50 lines, %d flows in its table and events going on\n%-42s %14s %10s %18s %9s %9s\n", b.flows,
		"program", "% of one core", "KB/s", "lost", "peak MiB", "flows/s")
	const name = "natlens"
	if !b.wanted("terminal UI", b.natlens) {
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
	full, err := g.Spawn(ctx, labtest.GenConfig{Flows: b.flows})
	if err != nil {
		return err
	}
	rate := int(float64(full.Flows) / full.Elapsed.Seconds())
	cpu, written := cpuOf(cmd.Process.Pid), term.written()
	made, err := g.Spawn(ctx, labtest.GenConfig{Flows: screenSeconds * rate, Rate: rate, Base: 1})
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
	fmt.Printf("%-42s %14.0f %10.1f %18s %9d %9.0f\n", name,
		100*cpu.Seconds()/seconds, float64(written)/1000/seconds, lost, peak>>20, float64(made.Flows)/seconds)
	return nil
}

// pseudo is a pseudo-terminal whose output is read and kept.
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

// attach makes it the controlling terminal of the command.
func (p *pseudo) attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
}

// read keeps what is written until the terminal is closed.
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

// lost has the screen drawn anew, in another size, and reads from it how many
// events were lost.
func (p *pseudo) lost(ctx context.Context) (string, error) {
	from := p.written()
	if err := p.resize(158, 48); err != nil {
		return "", err
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		m := lostOnScreen.FindSubmatch(p.out[from:])
		p.mu.Unlock()
		if m != nil {
			return string(bytes.ReplaceAll(m[1], []byte(","), nil)), nil
		}
	}
	return "", fmt.Errorf("the screen does not say what was lost")
}

func (p *pseudo) Close() error {
	p.slave.Close()
	return p.master.Close()
}
