package tui

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// deadlySignals end a program with the stacks of its goroutines, where somebody
// sends them: a fault of the program's own is a panic.
var deadlySignals = []os.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP}

// deadly has such a signal wait until the terminal is as it was.
type deadly struct {
	came   chan os.Signal
	caught chan os.Signal // the first one
}

// catchDeadly calls end, which must not wait, when such a signal comes. A second one
// ends the program at once.
func catchDeadly(end func()) *deadly {
	d := &deadly{came: make(chan os.Signal, 1), caught: make(chan os.Signal, 1)}
	signal.Notify(d.came, deadlySignals...)
	go func() {
		s, ok := <-d.came
		if !ok {
			return
		}
		signal.Reset(deadlySignals...)
		d.caught <- s
		end()
	}()
	return d
}

// dies lets the process die by the signal that came, if one did, and lets go of the
// signals otherwise. It may be called again.
func (d *deadly) dies() {
	select {
	case s := <-d.caught:
		if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(s) == nil {
			time.Sleep(time.Second) // it comes to any thread
		}
		os.Exit(2)
	default:
	}
	if d.came != nil {
		signal.Stop(d.came)
		close(d.came)
		d.came = nil
	}
}
