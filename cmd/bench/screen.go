//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
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
	out, err := b.output()
	if err != nil {
		return err
	}
	defer out.Close()
	master, slave, err := openTerminal()
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer master.Close()
	defer slave.Close()
	go io.Copy(out, master)
	cmd := exec.CommandContext(ctx, b.natlens)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = errors.Join(resize(master, 160, 50), startIn(g.Namespace(), cmd, ""))
	if err != nil {
		return err
	}
	defer cmd.Process.Kill()
	full, err := g.Generate(ctx, labtest.GenConfig{Flows: b.flows})
	if err != nil {
		return err
	}
	rate := int(float64(full.Flows) / full.Elapsed.Seconds())
	cpu, written := cpuOf(cmd.Process.Pid), size(out)
	made, err := g.Generate(ctx, labtest.GenConfig{Flows: screenSeconds * rate, Rate: rate, Base: 1})
	if err != nil {
		return err
	}
	cpu, written = cpuOf(cmd.Process.Pid)-cpu, size(out)-written
	lost, err := lostOnScreen(ctx, master, out)
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

// openTerminal opens a pseudo-terminal.
func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	return master, slave, err
}

func resize(terminal *os.File, columns, lines uint16) error {
	return unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines})
}

func size(f *os.File) (n int64) {
	if s, err := f.Stat(); err == nil {
		n = s.Size()
	}
	return n
}

var lost = regexp.MustCompile(`lost[ \x1b\[0-9;m]*? ([0-9,]+)`)

// lostOnScreen makes the UI draw its screen again, in another size, and returns the number
// of lost events on it. out has what the UI wrote.
func lostOnScreen(ctx context.Context, terminal, out *os.File) (string, error) {
	from := size(out)
	if err := resize(terminal, 158, 48); err != nil {
		return "", err
	}
	for range 500 {
		if ctx.Err() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		text, err := os.ReadFile(out.Name())
		if err != nil {
			return "", err
		}
		if m := lost.FindSubmatch(text[from:]); m != nil {
			return string(bytes.ReplaceAll(m[1], []byte(","), nil)), nil
		}
	}
	return "", errors.New("the screen shows no number of lost events")
}
