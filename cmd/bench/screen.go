//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

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
	t := newTable(title, "program", "% of one core", "KB/s", "peak MiB", "flows/s")
	defer t.Flush()
	if !b.wanted(t, "terminal UI", b.natlens) {
		return nil
	}
	return errors.Join(b.screenOf(ctx, t, "natlens", "0", ""), b.screenOf(ctx, t, "natlens, rates in Top", "1", "3"))
}

// screenOf measures the UI with a value of nf_conntrack_acct, after some keys.
func (b *bench) screenOf(ctx context.Context, t *table, name, acct, keys string) error {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{Sysctls: map[string]string{"acct": acct}})
	if err != nil {
		return err
	}
	defer g.Close()
	cmd, err := b.command(ctx, []string{b.natlens})
	if err != nil {
		return err
	}
	master, slave, err := openTerminal()
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer master.Close()
	defer slave.Close()
	go io.Copy(b.out, master)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := startIn(ctx, g.Namespace(), cmd, ""); err != nil {
		return err
	}
	defer cmd.Process.Kill()
	full, err := g.Generate(ctx, labtest.GenConfig{Flows: b.flows})
	if err != nil {
		return err
	}
	if _, err := master.WriteString(keys); err != nil {
		return err
	}
	rate := int(float64(full.Flows) / full.Elapsed.Seconds())
	cpu, written := cpuOf(cmd.Process.Pid), b.written()
	made, err := g.Generate(ctx, labtest.GenConfig{Flows: screenSeconds * rate, Rate: rate, Base: 1})
	if err != nil {
		return err
	}
	cpu, written = cpuOf(cmd.Process.Pid)-cpu, b.written()-written
	peak := peakResident(cmd.Process.Pid)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	cmd.Wait()
	seconds := made.Elapsed.Seconds()
	t.row(name, 100*cpu.Seconds()/seconds, float64(written)/1000/seconds, peak,
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
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: 160, Row: 50}))
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	return master, slave, err
}

// written returns how many bytes the output has.
func (b *bench) written() (n int64) {
	if s, err := b.out.Stat(); err == nil {
		n = s.Size()
	}
	return n
}
