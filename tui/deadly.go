package tui

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// deadlySignals end a program with the stacks of its goroutines, where somebody
// sends them: a fault of the program's own is a panic.
var deadlySignals = []os.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP}

// deadly has such a signal wait until the terminal is as it was.
type deadly struct {
	caught chan os.Signal // the first one
	letGo  func()         // of the signals
}

// catchDeadly calls end, which must not wait, when such a signal comes. A second one
// ends the program at once.
func catchDeadly(end func()) *deadly {
	came, done := make(chan os.Signal, 1), make(chan struct{})
	d := &deadly{make(chan os.Signal, 1), sync.OnceFunc(func() {
		signal.Stop(came)
		close(done)
	})}
	signal.Notify(came, deadlySignals...)
	go func() {
		select {
		case s := <-came:
			signal.Reset(deadlySignals...)
			d.caught <- s
			end()
		case <-done:
		}
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
		d.letGo()
	}
}
