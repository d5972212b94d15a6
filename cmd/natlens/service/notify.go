// Package service has what a service manager expects of a long run: systemd's notifications and its watchdog, and a
// process that keeps only the rights it needs.
package service

import (
	"errors"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// statusEvery is the time between two messages about the state, if the watchdog does not want them more often.
const statusEvery = 5 * time.Second

// stopTime is how long stop waits for the manager to accept the last message.
const stopTime = 100 * time.Millisecond

// Ready says to the service manager that the service has begun, and sends its status and signs of life until stop is
// called: see sd_notify(3). alive reports whether the run still makes progress: the watchdog gets no sign of life while
// it does not. Without a service manager Ready does nothing.
func Ready(status func() string, alive func() bool) (stop func(), err error) {
	managed, err := daemon.SdNotify(false, daemon.SdNotifyReady+"\nSTATUS="+status())
	watchdog, watchdogErr := daemon.SdWatchdogEnabled(false)
	if err = errors.Join(err, watchdogErr); err != nil || !managed {
		return func() {}, err
	}
	every := statusEvery
	if watchdog > 0 {
		every = min(every, watchdog/2)
	}
	ended, said := make(chan struct{}), make(chan struct{})
	go func() { // a manager that reads nothing holds up only this goroutine
		defer close(said)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
				return
			case <-tick.C:
			}
			state := "STATUS=" + status()
			if watchdog > 0 && alive() {
				state += "\n" + daemon.SdNotifyWatchdog
			}
			_, _ = daemon.SdNotify(false, state)
		}
	}()
	return func() {
		close(ended)
		select {
		case <-said:
		case <-time.After(stopTime):
		}
	}, nil
}
