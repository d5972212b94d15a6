// Package syslog sends findings to a log: to systemd-journald by its own protocol, to /dev/log in the form of
// syslog(3), which servers expect there, or to a syslog server by RFC 5424.
//
//	to, err := syslog.ParseTarget("tcp://192.0.2.1:514")
//	sink, err := syslog.Open(to, syslog.Options{})
//
// Findings are rare, so each has a connection of its own.
package syslog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/human"
)

const (
	queued   = 256                    // findings that may wait for the log
	sendTime = time.Second            // how long the log may take to accept a finding
	endTime  = 300 * time.Millisecond // how long Close waits
)

// Target is a log. The zero Target is none.
type Target struct{ name, network, addr string }

// ParseTarget reads journald, syslog (/dev/log), udp://HOST:PORT or tcp://HOST:PORT.
func ParseTarget(text string) (Target, error) {
	switch u, err := url.Parse(text); {
	case text == "journald":
		return Target{text, "unixgram", "/run/systemd/journal/socket"}, nil
	case text == "syslog":
		return Target{text, "unixgram", "/dev/log"}, nil
	case err == nil && u.Hostname() != "" && u.Port() != "" &&
		(text == "udp://"+u.Host || text == "tcp://"+u.Host):
		return Target{text, u.Scheme, u.Host}, nil
	}
	return Target{}, errors.New("must be journald, syslog, udp://HOST:PORT or tcp://HOST:PORT")
}

var errSlow = errors.New("the log accepted them too slowly")

// Options are what a message contains besides the finding.
type Options struct {
	Namespaces *monitor.Namespaces
	Gateway    monitor.Gateway
	Notes      io.Writer // gets a line when the first finding is lost
}

// Sink sends findings, and drops events. It never waits for the log, and counts what the log does not accept.
type Sink struct {
	to     Target
	o      Options
	queue  chan []byte
	ctx    context.Context // ends when the findings in the queue are given up
	giveUp context.CancelFunc
	ended  chan struct{}
	lost   atomic.Uint64
	err    error // why the first was lost; valid after ended
}

// Open returns a sink for a log that accepts connections.
func Open(to Target, o Options) (*Sink, error) {
	s := &Sink{to: to, o: o, queue: make(chan []byte, queued), ended: make(chan struct{})}
	s.ctx, s.giveUp = context.WithCancel(context.Background())
	if err := s.send(nil); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// Write does nothing.
func (s *Sink) Write(*monitor.Batch) error { return nil }

// Finding queues a finding.
func (s *Sink) Finding(f *monitor.Finding) error {
	select {
	case s.queue <- s.message(f):
	default:
		s.lost.Add(1)
	}
	return nil
}

// Close sends the findings in the queue, if the log accepts them at once. Its error has the number of findings that
// were lost.
func (s *Sink) Close() error {
	close(s.queue)
	defer time.AfterFunc(endTime, s.giveUp).Stop()
	<-s.ended
	s.giveUp()
	if n := s.lost.Load(); n > 0 {
		return fmt.Errorf("%s: %s not sent: %w", s.to.name, human.Plural(n, "finding"), cmp.Or(s.err, errSlow))
	}
	return nil
}

func (s *Sink) run() {
	defer close(s.ended)
	for message := range s.queue {
		err := s.send(message)
		if err == nil {
			continue
		}
		if s.lost.Add(1); s.err == nil {
			s.err = err
			text.Note(s.o.Notes, fmt.Sprintf("natlens: %s: a finding was not sent: %v", s.to.name, err))
		}
	}
}

// send sends a message; without one it only connects.
func (s *Sink) send(message []byte) error {
	ctx, cancel := context.WithTimeout(s.ctx, sendTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, s.to.network, s.to.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if len(message) > 0 { // an empty datagram is a message
		_, err = conn.Write(message)
	}
	return err
}

// message returns a finding in the form that the log reads.
func (s *Sink) message(f *monitor.Finding) []byte {
	const daemon = 3 << 3
	at, state := f.Seen, "appeared"
	level := [...]int{monitor.SeverityInfo: 6, monitor.SeverityWarn: 4, monitor.SeverityFail: 3}[f.Severity]
	if f.Cleared != 0 {
		at, state, level = f.Cleared, "cleared", 6
	}
	journal := s.to.name == "journald"
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`)
	var fields strings.Builder
	for _, one := range []struct{ name, value string }{
		{"finding", state}, {"rule", f.Rule}, {"severity", f.Severity.String()}, {"subject", f.Subject}, {"why", f.Why},
		{"filter", f.Filter}, {"command", f.Command}, {"netns", s.o.Namespaces.Name(f.NetNS)},
		{"gateway", string(s.o.Gateway)},
	} {
		value := clean(one.value)
		switch {
		case value == "":
		case journal:
			fmt.Fprintf(&fields, "NATLENS_%s=%s\n", strings.ToUpper(one.name), value)
		default:
			fmt.Fprintf(&fields, ` %s="%s"`, one.name, escape.Replace(value))
		}
	}
	words := clean(text.FindingText(f))
	if journal {
		return fmt.Appendf(nil, "PRIORITY=%d\nSYSLOG_IDENTIFIER=natlens\nMESSAGE=%s\n%s", level, words, fields.String())
	}
	if s.to.network == "unixgram" {
		clock := at.Time().Local().Format(time.Stamp)
		return fmt.Appendf(nil, "<%d>%s natlens[%d]: %s", daemon|level, clock, os.Getpid(), words)
	}
	host, _ := os.Hostname()
	line := fmt.Sprintf("<%d>1 %s %s natlens %d %s [natlens@32473%s] %s", daemon|level,
		at.Time().UTC().Format("2006-01-02T15:04:05.000000Z"), cmp.Or(host, "-"), os.Getpid(), f.Rule, &fields, words)
	if s.to.network == "tcp" { // RFC 6587: octet counting
		line = fmt.Sprintf("%d %s", len(line), line)
	}
	return []byte(line)
}

// clean returns untrusted text as one line that is safe in a terminal.
func clean(text string) string { return string(monitor.AppendMessage(nil, []byte(text))) }
