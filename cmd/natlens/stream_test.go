//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/human"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// running is a command line that runs in this process, in a lab's gateway.
type running struct {
	stdout, stderr safeBuffer
	code           chan int
}

// begin runs a command line in the gateway and returns once it listens, by one way of
// capture.
func begin(t *testing.T, ctx context.Context, l *lab.Lab, con cli.Console, args ...string) *running {
	t.Helper()
	return beginAs(t, ctx, con, append(args, "--netns", l.Gateway.Path()))
}

// beginIn is begin in another namespace, or in all.
func beginIn(t *testing.T, ctx context.Context, netns string, args ...string) *running {
	t.Helper()
	return beginAs(t, ctx, cli.Console{}, append(args, "--netns", netns))
}

func beginAs(t *testing.T, ctx context.Context, con cli.Console, args []string) *running {
	t.Helper()
	r := &running{code: make(chan int, 1)}
	con.Stdin, con.Stdout, con.Stderr = strings.NewReader(""), &r.stdout, &r.stderr
	con.Getenv = func(string) string { return "" }
	go func() { r.code <- run(ctx, con, args) }()
	labtest.WaitFor(t, "natlens to listen", func() bool { return strings.Contains(r.stderr.String(), "natlens: capture: ") })
	return r
}

// end waits for the exit code.
func (r *running) end(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(deadline):
		t.Fatalf("natlens does not end; standard error: %s", r.stderr.String())
		return 0
	}
}

// The two lines on standard error of a run that went well.
var (
	captureLine = regexp.MustCompile(`^natlens: capture: (ring|socket) of \d[\d.]* [KM]iB(; (not the ring|natlens applies the filter): [^\n]+)?\n`)
	summaryLine = regexp.MustCompile(`^natlens: (\d+) events, (\d+) shown, (\d+) lost, (\d[\d.]* k?B) written in [\d.]+m?s\n$`)
)

// checkSummary holds standard error to the two lines, and the summary to what was
// written.
func checkSummary(t *testing.T, stderr, written string) {
	t.Helper()
	rest := captureLine.ReplaceAllString(stderr, "")
	m := summaryLine.FindStringSubmatch(rest)
	if rest == stderr || m == nil {
		t.Errorf("standard error: %q", stderr)
		return
	}
	if m[2] != fmt.Sprint(strings.Count(written, "\n")) || m[3] != "0" || m[4] != human.Bytes(uint64(len(written))) {
		t.Errorf("%q, but there are %d lines of %s", rest, strings.Count(written, "\n"), human.Bytes(uint64(len(written))))
	}
}

func TestCount(t *testing.T) {
	l := labtest.New(t)
	for _, capture := range []string{"auto", "socket"} {
		r := begin(t, t.Context(), l, cli.Console{}, "watch", "--capture", capture, "--limit", "3", "-e", "new,update", "udp")
		labtest.FlowsUDP(t, l, 3)
		if code := r.end(t); code != 0 {
			t.Errorf("code %d", code)
		}
		checkSummary(t, r.stderr.String(), r.stdout.String())
		if lines := decodeLines(t, r.stdout.String()); len(lines) != 3 || lines[0]["event"] != "new" || lines[1]["event"] != "update" || lines[2]["event"] != "new" {
			t.Errorf("lines:\n%s", r.stdout.String())
		}
	}
}

// TestClassicCount ends conntrack(8)'s -E, which says how many events were shown, as
// conntrack does, and says so of those alone that its filter wants.
func TestClassicCount(t *testing.T) {
	l := labtest.New(t)
	for _, tt := range []struct {
		args  string
		lines int
		want  string
	}{
		{"-E -e NEW -p udp", 2, "natlens: 2 flow events have been shown.\n"},
		{"-E -p tcp", 0, "natlens: 0 flow events have been shown.\n"},
		{"-E --quiet -e NEW", 2, ""},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := &running{code: make(chan int, 1)}
		con := cli.Console{Stdout: &r.stdout, Stderr: &r.stderr, Getenv: func(string) string { return "" }}
		go func() { r.code <- run(ctx, con, append(strings.Fields(tt.args), "--netns", l.Gateway.Path())) }()
		waitListening(t, ctx, l.Gateway, 1)
		labtest.FlowsUDP(t, l, 2)
		labtest.WaitFor(t, "the events", func() bool { return strings.Count(r.stdout.String(), "\n") == tt.lines })
		cancel()
		if code := r.end(t); code != 0 || r.stderr.String() != tt.want {
			t.Errorf("%s: code %d, standard error %q, want %q", tt.args, code, r.stderr.String(), tt.want)
		}
	}
}

// TestFor ends by time, with the events that were seen until then.
func TestFor(t *testing.T) {
	l := labtest.New(t)
	r := begin(t, t.Context(), l, cli.Console{}, "watch", "--for", "300ms", "-e", "new", "udp")
	began := time.Now()
	labtest.FlowsUDP(t, l, 2)
	early := time.Since(began) < 100*time.Millisecond // the machine is not too busy
	if code := r.end(t); code != 0 {
		t.Errorf("code %d", code)
	}
	checkSummary(t, r.stderr.String(), r.stdout.String())
	if lines := decodeLines(t, r.stdout.String()); early && len(lines) != 2 {
		t.Errorf("lines:\n%s", r.stdout.String())
	}
}

// TestExisting expects the flows of the table, then the events.
func TestExisting(t *testing.T) {
	l := labtest.New(t)
	labtest.FlowsUDP(t, l, 2)
	r := begin(t, t.Context(), l, cli.Console{}, "watch", "--existing", "--limit", "4", "udp")
	labtest.WaitFor(t, "the flows of the table", func() bool { return strings.Count(r.stdout.String(), "\n") == 2 })
	labtest.FlowsUDP(t, l, 1)
	if code := r.end(t); code != 0 {
		t.Errorf("code %d", code)
	}
	checkSummary(t, r.stderr.String(), r.stdout.String())
	var kinds []string
	for _, line := range decodeLines(t, r.stdout.String()) {
		kinds = append(kinds, line["event"].(string))
	}
	if got, want := strings.Join(kinds, " "), "existing existing new update"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
}

// TestSignals ends runs that write to a pipe and to a file.
func TestSignals(t *testing.T) {
	l := labtest.New(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := start(t, l, "watch")
		path := filepath.Join(t.TempDir(), "flows.jsonl")
		q := start(t, l, "watch", "--output", path)
		p.listening(t)
		q.listening(t)
		labtest.FlowsUDP(t, l, 20)
		first := p.line(t)
		labtest.WaitFor(t, "lines in the file", func() bool { text, _ := os.ReadFile(path); return strings.Count(string(text), "\n") >= 40 })
		for _, x := range []*process{p, q} {
			if err := x.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
		all := first + p.rest(t)
		if code := p.wait(t); code != 0 {
			t.Errorf("%v: code %d", signal, code)
		}
		checkSummary(t, p.stderr.String(), all)
		if n := len(decodeLines(t, all)); n != 40 {
			t.Errorf("%v: %d lines, want 40", signal, n)
		}
		if code := q.wait(t); code != 0 || q.rest(t) != "" {
			t.Errorf("%v: code %d", signal, code)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		checkSummary(t, q.stderr.String(), string(text))
		if n := len(decodeLines(t, string(text))); n != 40 {
			t.Errorf("%v: %d lines in the file, want 40", signal, n)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
		}
	}
}

// TestHangup moves the file of watch --append away, as logrotate(8) does, and expects the events after SIGHUP in a
// new one. A run without a file goes on.
func TestHangup(t *testing.T) {
	l := labtest.New(t)
	path := filepath.Join(t.TempDir(), "flows.jsonl")
	if err := os.WriteFile(path, []byte("{\"old\":1}\n{\"cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, l, "watch", "-e", "new", "--output", path, "--append")
	q := start(t, l, "watch", "-e", "new")
	p.listening(t)
	q.listening(t)
	lines := func(path string, n int) {
		t.Helper()
		labtest.WaitFor(t, "lines in "+path, func() bool {
			text, _ := os.ReadFile(path)
			return len(decodeLines(t, string(text))) == n
		})
	}
	labtest.FlowsUDP(t, l, 2)
	lines(path, 3)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*process{p, q} {
		if err := x.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	labtest.WaitFor(t, "the note about SIGHUP", func() bool { return strings.Contains(q.stderr.String(), "SIGHUP: ") })
	labtest.WaitFor(t, "a new file", func() bool { // SIGHUP may come after the first of these events
		labtest.FlowsUDP(t, l, 1)
		_, err := os.Stat(path)
		return err == nil
	})
	for _, x := range []*process{p, q} {
		if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := x.wait(t); code != 0 {
			t.Errorf("code %d, %s", code, x.stderr.String())
		}
	}
	all, err := os.ReadFile(path + ".1")
	rest, restErr := os.ReadFile(path)
	if n := len(decodeLines(t, string(all)+string(rest))); err != nil || restErr != nil || n != 1+len(decodeLines(t, q.rest(t))) {
		t.Errorf("%d lines in the files: %v, %v", n, err, restErr)
	}
}

// TestSecondSignal has natlens stuck in a pipe that nobody empties: the first
// SIGINT can't end it in order, the second does at once.
func TestSecondSignal(t *testing.T) {
	p := startStuck(t, labtest.New(t))
	labtest.WaitFor(t, "the end after a second SIGINT", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			p.cmd.Process.Signal(os.Interrupt)
			return false
		}
	})
	if code := p.wait(t); code != -int(syscall.SIGINT) {
		t.Errorf("code %d, want the end by SIGINT; standard error: %s", code, p.stderr.String())
	}
}

// startStuck starts natlens and has it write more than its pipe takes.
func startStuck(t *testing.T, l *lab.Lab) *process {
	t.Helper()
	p := start(t, l, "watch")
	size, err := unix.FcntlInt(p.pipe.(*os.File).Fd(), unix.F_SETPIPE_SZ, 4096)
	if err != nil {
		t.Fatal(err)
	}
	p.listening(t)
	labtest.FlowsUDP(t, l, size/200) // two lines each, of more than 200 bytes
	return p
}

// TestSignalsOfAnInstant has natlens as stuck: signals within an instant of the first
// one are the same, as timeout(1) sends them. What there is to write is written.
func TestSignalsOfAnInstant(t *testing.T) {
	l := labtest.New(t)
	for range 10 {
		p := startStuck(t, l)
		first := time.Now()
		for s := syscall.SIGINT; time.Since(first) < signalInstant/3; s = syscall.SIGTERM {
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(signalInstant / 50) // they come one after the other
		}
		late := time.Since(first) >= signalInstant
		all := p.rest(t)
		code := p.wait(t)
		if late {
			continue // the machine is so busy that it was more than an instant
		}
		if code != 0 {
			t.Errorf("code %d, want an end in order; standard error: %s", code, p.stderr.String())
		}
		checkSummary(t, p.stderr.String(), all)
		return
	}
	t.Fatal("the machine is too busy for two signals within an instant")
}

// TestClosedPipe closes the reading end of pipes, before events come and while
// they come: natlens ends quietly.
func TestClosedPipe(t *testing.T) {
	l := labtest.New(t)
	idle := start(t, l, "watch", "--capture", "socket")
	idle.listening(t)
	idle.pipe.Close()
	if code := idle.wait(t); code != 0 || captureLine.ReplaceAllString(idle.stderr.String(), "") != "" {
		t.Errorf("idle: code %d, standard error %q", code, idle.stderr.String())
	}

	ctx, cancel := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	defer traffic.Wait()
	defer cancel()
	traffic.Go(func() { l.Run(ctx, lab.Traffic{Rate: 500}) })
	for _, args := range [][]string{{"watch"}, {"watch", "-o", "pretty"}, {"watch", "--quiet", "-o", "csv"}, {"-E"}, {"watch", "--existing"}} {
		p := start(t, l, args...)
		p.line(t)
		p.pipe.Close()
		if code := p.wait(t); code != 0 || captureLine.ReplaceAllString(p.stderr.String(), "") != "" {
			t.Errorf("%q: code %d, standard error %q", args, code, p.stderr.String())
		}
	}
}

// TestFullDisk writes into a file system of 64 KiB, which is mounted for natlens
// alone: one clear line, and whole lines in the file.
func TestFullDisk(t *testing.T) {
	l := labtest.New(t)
	for _, format := range []string{"jsonl", "csv", "conntrack,timestamp", "pretty"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "flows")
		var stderr safeBuffer
		var text []byte
		var err error
		cmd := natlens("watch", "-o", format, "--output", path, "--netns", l.Gateway.Path())
		cmd.Stderr = &stderr
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = onThread(func() error {
				if err := mountSmall(dir); err != nil {
					return err
				}
				if err := cmd.Start(); err != nil {
					return err
				}
				cmd.Wait() // the exit code is checked below
				text, err = os.ReadFile(path)
				return err
			})
		}()
		labtest.WaitFor(t, "natlens to listen", func() bool { return strings.Contains(stderr.String(), "natlens: capture: ") })
		labtest.WaitFor(t, "natlens to end", func() bool {
			labtest.FlowsUDP(t, l, 50)
			select {
			case <-done:
				return true
			default:
				return false
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(fmt.Sprintf(
			`^natlens: \d+ events, \d+ shown, 0 lost, \d.* kB written in .*\n`+
				`natlens: output file %s: no space left on device; it keeps whole lines up to byte %d\n$`, path, len(text)))
		if rest := captureLine.ReplaceAllString(stderr.String(), ""); !want.MatchString(rest) || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: code %d, standard error\n%swant 1 and\n%s", format, cmd.ProcessState.ExitCode(), rest, want)
		}
		if n := len(text); n < 60<<10 || text[n-1] != '\n' {
			t.Errorf("%s: %d bytes in the file, the last line is %q", format, n, text[max(0, n-100):])
		}
		if format == "jsonl" {
			decodeLines(t, string(text))
		}
	}
}

// TestFullDevice writes to a standard output that takes nothing.
func TestFullDevice(t *testing.T) {
	l := labtest.New(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	cmd := natlens("watch", "--quiet")
	var stderr safeBuffer
	cmd.Stdout, cmd.Stderr = full, &stderr
	if err := l.Gateway.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	waitListening(t, t.Context(), l.Gateway, 1)
	labtest.FlowsUDP(t, l, 1)
	cmd.Wait()
	if want := "natlens: write /dev/stdout: no space left on device\n"; stderr.String() != want || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("code %d, standard error %q, want %q", cmd.ProcessState.ExitCode(), stderr.String(), want)
	}
}

// mountSmall gives this thread a mount namespace, with a small file system at dir.
func mountSmall(dir string) error { return mountSize(dir, 64<<10) }

func mountSize(dir string, size int) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	return nil
}

// TestForce writes over a file, which is its owner's alone afterwards.
func TestForce(t *testing.T) {
	l := labtest.New(t)
	path := filepath.Join(t.TempDir(), "flows.jsonl")
	if err := os.WriteFile(path, []byte("earlier contents\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := begin(t, t.Context(), l, cli.Console{}, "watch", "--output", path, "--force", "--limit", "1")
	labtest.FlowsUDP(t, l, 1)
	if code := r.end(t); code != 0 || r.stdout.String() != "" {
		t.Errorf("code %d, standard output %q, standard error %q", code, r.stdout.String(), r.stderr.String())
	}
	text, err := os.ReadFile(path)
	if err != nil || len(decodeLines(t, string(text))) != 1 {
		t.Errorf("the file holds %q, %v", text, err)
	}
	checkSummary(t, r.stderr.String(), string(text))
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
}

// TestLabels names bits as connlabel.conf does, in the filter, in the flag and in
// the output.
func TestLabels(t *testing.T) {
	l := labtest.New(t)
	if err := labtest.AddRule(l, nftables.TableFamilyIPv4, "filter", "mangle_prerouting", lab.Proto(unix.IPPROTO_UDP), lab.Dport(53), labtest.SetLabel(3)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "connlabel.conf")
	if err := os.WriteFile(path, []byte("3 names\n5 web\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	con := cli.Console{LabelFile: path}
	var runs []*running
	for _, words := range []string{"label names", "-l names", "label 3", "-l 3"} {
		runs = append(runs, begin(t, t.Context(), l, con, append(strings.Fields("watch -o conntrack,labels --limit 1"), strings.Fields(words)...)...))
	}
	if _, err := l.TCPOnce(t.Context(), lab.TCP{To: lab.ServerHTTP}); err != nil {
		t.Fatal(err)
	}
	labtest.FlowsUDP(t, l, 1)
	for _, r := range runs {
		code := r.end(t)
		line := strings.TrimRight(r.stdout.String(), " \n")
		if code != 0 || !strings.Contains(line, "dport=53") || !strings.HasSuffix(line, "labels=names") {
			t.Errorf("code %d, line %q", code, line)
		}
	}
	shown := call(t.Context(), cli.Console{}, "list", "-o", "conntrack,labels", "--labelmap", path, "label", "names", "--netns", l.Gateway.Path())
	if out := shown.stdout.String(); shown.code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "labels=names") {
		t.Errorf("with --labelmap: code %d, %q, %s", shown.code, out, shown.stderr.String())
	}
	got := call(t.Context(), con, "watch", "-l", "wbe")
	if want := "natlens: --label wbe: not a label; did you mean web?\n"; got.stderr.String() != want || got.code != 2 {
		t.Errorf("code %d, standard error %q, want %q", got.code, got.stderr.String(), want)
	}
}
