//go:build linux

package syslog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// deadline is how long a test waits for a message.
const deadline = 30 * time.Second

// sample returns a finding of a namespace whose name tries to be more than a value.
func sample() (*monitor.Finding, Options) {
	names := new(monitor.Namespaces)
	id, _ := names.Add(monitor.Namespace{Name: "blue\nPRIORITY=0 \"] x"})
	return &monitor.Finding{
		Rule: "syn-unanswered", Severity: monitor.SeverityWarn, Subject: "203.0.113.66:443", Text: "23 not answered",
		Why: "It is down.", Filter: "dport 443", Command: `natlens list 'dport 443'`, NetNS: id,
		Seen: monitor.Time(time.Date(2026, 11, 22, 6, 12, 9, 481e6, time.UTC).UnixNano()),
	}, Options{Namespaces: names, Gateway: "fra1-a,site=fra1", Notes: io.Discard}
}

// datagrams listens on a socket of the test's own, and returns its target.
func datagrams(t *testing.T, name string) (Target, *net.UnixConn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	if err := log.SetReadDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	return Target{name, "unixgram", path}, log
}

// sent opens a sink, sends a finding and its end, and closes the sink.
func sent(t *testing.T, to Target) {
	t.Helper()
	f, o := sample()
	s, err := Open(to, o)
	if err != nil {
		t.Fatal(err)
	}
	gone := *f
	gone.Cleared = f.Seen + monitor.Time(time.Second)
	if err := s.Finding(f); err != nil {
		t.Error(err)
	}
	if err := s.Finding(&gone); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, from io.Reader) string {
	t.Helper()
	b := make([]byte, 1<<16)
	n, err := from.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestJournald(t *testing.T) {
	to, log := datagrams(t, "journald")
	sent(t, to)
	const rest = `SYSLOG_IDENTIFIER=natlens
MESSAGE=%s
NATLENS_FINDING=%s
NATLENS_RULE=syn-unanswered
NATLENS_SEVERITY=warn
NATLENS_SUBJECT=203.0.113.66:443
NATLENS_WHY=It is down.
NATLENS_FILTER=dport 443
NATLENS_COMMAND=natlens list 'dport 443'
NATLENS_NETNS=blue\nPRIORITY=0 "] x
NATLENS_GATEWAY=fra1-a,site=fra1
`
	for _, want := range []string{
		"PRIORITY=4\n" + fmt.Sprintf(rest, "syn-unanswered: 23 not answered → natlens list 'dport 443'", "appeared"),
		"PRIORITY=6\n" + fmt.Sprintf(rest, "gone: syn-unanswered: 23 not answered", "cleared"),
	} {
		if got := read(t, log); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// local returns what the server of this host gets.
func local() (appeared, cleared string) {
	at := time.Date(2026, 11, 22, 6, 12, 9, 0, time.UTC).Local()
	const rest = "natlens[%d]: %ssyn-unanswered: 23 not answered%s"
	return fmt.Sprintf("<28>%s "+rest, at.Format(time.Stamp), os.Getpid(), "", " → natlens list 'dport 443'"),
		fmt.Sprintf("<30>%s "+rest, at.Add(time.Second).Format(time.Stamp), os.Getpid(), "gone: ", "")
}

// lines returns what a server of another host gets.
func lines() (appeared, cleared string) {
	host, _ := os.Hostname()
	head := fmt.Sprintf("%s natlens %d syn-unanswered [natlens@32473 finding=", host, os.Getpid())
	const rest = ` rule="syn-unanswered" severity="warn" subject="203.0.113.66:443" why="It is down." filter="dport 443"` +
		` command="natlens list 'dport 443'" netns="blue\\nPRIORITY=0 \"\] x" gateway="fra1-a,site=fra1"] `
	return "<28>1 2026-11-22T06:12:09.481000Z " + head + `"appeared"` + rest + "syn-unanswered: 23 not answered → natlens list 'dport 443'",
		"<30>1 2026-11-22T06:12:10.481000Z " + head + `"cleared"` + rest + "gone: syn-unanswered: 23 not answered"
}

func TestSyslog(t *testing.T) {
	to, log := datagrams(t, "syslog")
	sent(t, to)
	appeared, cleared := local()
	for _, want := range []string{appeared, cleared} {
		if got := read(t, log); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if err := udp.SetReadDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	remote, err := ParseTarget("udp://" + udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	sent(t, remote)
	appeared, cleared = lines()
	for _, want := range []string{appeared, cleared} {
		if got := read(t, udp.(*net.UDPConn)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// Over TCP the length is before each message.
func TestTCP(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	to, err := ParseTarget("tcp://" + server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 3)
	go func() {
		for range cap(got) { // the first connection is Open's
			conn, err := server.Accept()
			if err != nil {
				return
			}
			all, _ := io.ReadAll(bufio.NewReader(conn))
			conn.Close()
			got <- string(all)
		}
	}()
	sent(t, to)
	appeared, cleared := lines()
	for _, want := range []string{"", fmt.Sprintf("%d %s", len(appeared), appeared), fmt.Sprintf("%d %s", len(cleared), cleared)} {
		if text := <-got; text != want {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
	}
}

// A log that reads nothing holds up neither the run nor its end: each finding is in the log, or counted.
func TestStuck(t *testing.T) {
	const all = 3 * queued
	to, log := datagrams(t, "journald")
	f, o := sample()
	s, err := Open(to, o)
	if err != nil {
		t.Fatal(err)
	}
	for range all {
		if err := s.Finding(f); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error)
	go func() { ended <- s.Close() }()
	select {
	case err = <-ended:
	case <-time.After(deadline):
		t.Fatal("Close waits for the log")
	}
	got := 0
	raw, rawErr := log.SyscallConn()
	if rawErr != nil {
		t.Fatal(rawErr)
	}
	for b, more := make([]byte, 1<<16), true; more; { // everything is there already
		if err := raw.Read(func(fd uintptr) bool {
			_, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			if more = err == nil; more {
				got++
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	if want := fmt.Sprintf("journald: %d findings not sent: ", all-got); err == nil || got == 0 || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%d are in the log: %v", got, err)
	}
}

// Findings that found the queue full are counted, also if the log then accepts all others.
func TestFullQueue(t *testing.T) {
	to, log := datagrams(t, "syslog")
	defer log.Close()
	f, o := sample()
	s := &Sink{to: to, o: o, queue: make(chan []byte, 1), ended: make(chan struct{})}
	s.ctx, s.giveUp = context.WithCancel(t.Context())
	for range 3 {
		if err := s.Finding(f); err != nil {
			t.Fatal(err)
		}
	}
	go s.run()
	golden.Words(t, "", s.Close())
}

// A log that was started again gets the next finding. Those in between are counted.
func TestRestart(t *testing.T) {
	to, log := datagrams(t, "syslog")
	f, o := sample()
	var notes strings.Builder
	o.Notes = &notes
	s, err := Open(to, o)
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
	if err := s.Finding(f); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(deadline); s.lost.Load() == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	_ = os.Remove(to.addr)
	if log, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: to.addr, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := s.Finding(f); err != nil {
		t.Fatal(err)
	}
	err = s.Close()
	if appeared, _ := local(); read(t, log) != appeared {
		t.Error("the second finding did not come")
	}
	golden.Words(t, "not sent", strings.ReplaceAll(fmt.Sprint(notes.String(), err), to.addr, "SOCKET"))
}

func TestTargets(t *testing.T) {
	for text, ok := range map[string]bool{
		"journald": true, "syslog": true, "udp://192.0.2.1:514": true, "tcp://[2001:db8::1]:6514": true, "tcp://log.example:514": true,
		"": false, "journal": false, "udp://192.0.2.1": false, "tcp://:514": false, "http://192.0.2.1:80": false, "192.0.2.1:514": false,
		"udp://192.0.2.1:514/x": false, "udp://a@192.0.2.1:514": false, "tcp://x:port": false,
	} {
		if _, err := ParseTarget(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Open(Target{"syslog", "unixgram", "/nowhere/log"}, Options{}); err == nil {
		t.Error("a log that does not exist was opened")
	}
}
