// Package service has what a service manager expects of a long run: systemd's notifications and its watchdog, and a
// process that keeps only the rights it needs.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier sends messages to the service manager that started the process: see sd_notify(3).
type Notifier struct {
	conn     net.Conn
	watchdog time.Duration // how often the manager wants a sign of life; 0: never
}

// statusEvery is the time between two messages about the state, if the watchdog does not want them more often.
const statusEvery = 5 * time.Second

// Open returns the notifier of the service manager, as NOTIFY_SOCKET names it. Without that variable it returns nil,
// whose methods do nothing.
func Open(getenv func(string) string) (*Notifier, error) {
	path := getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil
	}
	conn, err := net.Dial("unixgram", path) // a name that begins with @ is abstract
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	n := &Notifier{conn: conn}
	if pid := getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		us, _ := strconv.ParseUint(getenv("WATCHDOG_USEC"), 10, 32)
		n.watchdog = time.Duration(us) * time.Microsecond
	}
	return n, nil
}

// Ready says that the service has begun, and begins to send its status and signs of life, until stop is called. alive
// reports whether the run still makes progress: the watchdog gets no sign of life while it does not.
func (n *Notifier) Ready(status func() string, alive func() bool) (stop func()) {
	if n == nil {
		return func() {}
	}
	n.send("READY=1", "STATUS="+status())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	every := statusEvery
	if n.watchdog > 0 {
		every = min(every, n.watchdog/2)
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			lines := []string{"STATUS=" + status()}
			if n.watchdog > 0 && alive() {
				lines = append(lines, "WATCHDOG=1")
			}
			n.send(lines...)
		}
	}()
	return func() {
		cancel()
		<-done
		n.send("STOPPING=1")
	}
}

// Close closes the connection.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

// send sends a message. A manager that does not read it, or is gone, does not disturb the run.
func (n *Notifier) send(lines ...string) {
	_ = n.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := n.conn.Write([]byte(strings.Join(lines, "\n"))); errors.Is(err, net.ErrClosed) {
		return
	}
}
