package history

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
	"natlens/monitor/translation/translationtest"
)

// crashDirEnv makes the test binary a writer that will be killed. crashRunEnv
// numbers its flows.
const (
	crashDirEnv = "NATLENS_TEST_HISTORY_CRASH"
	crashRunEnv = "NATLENS_TEST_HISTORY_RUN"
	soakEnv     = "NATLENS_SOAK_HISTORY" // how many kills
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		if err := crashWriter(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	crashBatch = 500 // flows between two acknowledgements
	crashOpen  = 300 // flows that are open at any time
)

// crashFlow is flow n of a run: every eighth a DNAT, every eleventh IPv6.
func crashFlow(run, n int) monitor.Flow {
	in := fmt.Sprintf("10.%d.%d.%d:%d", run, n>>8&255, n&255, 1024+n>>16)
	switch {
	case n%11 == 0:
		return snat(fmt.Sprintf("[fd00:%x::%x]:1024", run, n), fmt.Sprintf("[2001:db8::1]:%d", 1024+n%60000), "[2001:db8:9::9]:443")
	case n%8 == 0:
		peer := fmt.Sprintf("198.18.%d.%d:%d", run, n>>16, 1024+n%60000)
		return translationtest.Flow(peer, "203.0.113.2:80", peer, in)
	}
	return snat(in, fmt.Sprintf("203.0.113.1:%d", 1024+n%60000), "198.51.100.9:443")
}

// crashWriter writes flows without end. It prints the number up to which all are
// committed.
func crashWriter(dir string) error {
	run, err := strconv.Atoi(os.Getenv(crashRunEnv))
	if err != nil {
		return err
	}
	w, err := NewWriter(Config{Dir: dir, RowsPerFile: 5000, Every: 10 * time.Millisecond, Settle: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	fmt.Println(0)
	var f feed
	for n := 0; ; {
		for range crashBatch {
			f.Add(monitor.KindNew, monitor.Now(), uint64(n+1), crashFlow(run, n))
			if gone := n - crashOpen; gone >= 0 {
				f.Add(monitor.KindDestroy, monitor.Now(), uint64(gone+1), crashFlow(run, gone))
			}
			n++
		}
		if err := w.Write(f.Take()); err != nil {
			return err
		}
		if err := w.Sync(); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// killed is what is known about a run that was killed.
type killed struct {
	acked int // flows that were committed: all have opened, and all but the last ones have closed
	at    monitor.Time
}

// crashRun starts a writer and kills it at a random moment.
func crashRun(t *testing.T, dir string, run int) (k killed) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashDirEnv+"="+dir, crashRunEnv+"="+strconv.Itoa(run))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if k.acked, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if kill == nil { // the writer is at work
			kill = time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, func() { cmd.Process.Kill() })
			defer kill.Stop()
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("run %d ended by itself: %v", run, err)
	}
	k.at = monitor.Now()
	return k
}

// TestKilled kills a writer under load again and again. What it had committed
// must be there once, every flow that was open must end with reason restart, and
// the restart must be a gap. NATLENS_SOAK_HISTORY=100 does it a hundred times.
func TestKilled(t *testing.T) {
	if !Supported {
		t.Skip("no SQLite for this platform")
	}
	times := 6
	if text := os.Getenv(soakEnv); text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	began := monitor.Now()
	var runs []killed
	for run := range times {
		runs = append(runs, crashRun(t, dir, run))
		if run%10 == 9 {
			checkKilled(t, dir, began, runs, false)
		}
	}
	// The next run closes what the last one left open.
	w := open(t, Config{Dir: dir, Settle: time.Nanosecond})
	syncUp(t, w)
	closeWriter(t, w)
	checkKilled(t, dir, began, runs, true)
	n := 0
	for _, k := range runs {
		n += k.acked
	}
	t.Logf("%d kills, %d flows committed", times, n)
	if n == 0 {
		t.Error("no run came far enough to commit anything")
	}
}

func checkKilled(t *testing.T, dir string, began monitor.Time, runs []killed, ended bool) {
	t.Helper()
	got, res := ask(t, dir, translation.Query{})
	if len(res.Faults) > 0 {
		t.Fatalf("files cannot be read: %v", res.Faults)
	}
	rows := make(map[[2]monitor.Endpoint][]translation.Reason, len(got))
	for i := range got {
		key := [2]monitor.Endpoint{got[i].From, got[i].To}
		rows[key] = append(rows[key], got[i].Reason)
	}
	for run, k := range runs {
		for n := range k.acked {
			f := crashFlow(run, n)
			why := rows[[2]monitor.Endpoint{f.From(), f.To()}]
			switch {
			case len(why) != 1:
				t.Fatalf("run %d flow %d of %d: %v, want it once", run, n, k.acked, why)
			case n < k.acked-crashOpen && why[0] != translation.Destroyed:
				t.Fatalf("run %d flow %d was committed as destroyed, but is %v", run, n, why)
			case ended && why[0] != translation.Destroyed && why[0] != translation.Restart:
				t.Fatalf("run %d flow %d: %v", run, n, why)
			}
		}
		if k.acked > 0 && (ended || run < len(runs)-1) && !gapOver(res.Gaps, began, k.at) {
			t.Fatalf("no gap reports the restart after run %d: %+v", run, res.Gaps)
		}
	}
	for ends, why := range rows {
		if len(why) != 1 {
			t.Fatalf("%+v is there %d times: %v", ends, len(why), why)
		}
	}
}

func gapOver(gaps []translation.Gap, began, at monitor.Time) bool {
	for _, g := range gaps {
		if g.Cause == translation.Restarted && g.From >= began && g.From <= at && g.To >= at {
			return true
		}
	}
	return false
}

// TestCrashBetweenCommits keeps table open from being written while the closed
// files are, as a crash between the two commits does. The translation is in both
// then. It is one answer, and the next start removes the double.
func TestCrashBetweenCommits(t *testing.T) {
	dir, c := t.TempDir(), newClock(at(0))
	w := open(t, Config{Dir: dir, Clock: c.read, Every: time.Hour})
	var f feed
	f.Add(monitor.KindNew, at(0), 1, client(1))
	f.Add(monitor.KindNew, at(0), 2, client(2))
	f.Life(at(1), at(2), 3, client(3)) // there is a file already
	write(t, w, &f)
	syncUp(t, w)
	blocker, err := openDB(filepath.Join(dir, openName), forWriting)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blocker.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	f.Add(monitor.KindDestroy, at(5), 1, client(1))
	write(t, w, &f)
	if err := w.Sync(); !busy(err) || w.Trouble() == "" {
		t.Fatalf("%v", err)
	}
	crashed := filepath.Join(t.TempDir(), "crashed")
	if err := errors.Join(os.CopyFS(crashed, os.DirFS(dir)), os.Chmod(crashed, 0o700)); err != nil {
		t.Fatal(err)
	}
	check := func(when, dir string, reason translation.Reason) {
		t.Helper()
		got, res := ask(t, dir, translation.Query{})
		if len(got) != 3 || got[1].Number != 1 || got[1].End != at(5) || got[2].Number != 2 || got[2].Reason != reason || len(res.Faults) > 0 {
			t.Errorf("%s: %+v, faults %v", when, got, res.Faults)
		}
	}
	check("after the crash", crashed, translation.StillOpen)
	later := newClock(at(60))
	next := open(t, Config{Dir: crashed, Clock: later.read, Settle: time.Second})
	later.set(at(62))
	syncUp(t, next)
	check("after the next start", crashed, translation.Restart)
	closeWriter(t, next)
	// Here nothing crashed: the commit goes on from where it failed.
	if err := blocker.Close(); err != nil {
		t.Fatal(err)
	}
	syncUp(t, w)
	if why := w.Trouble(); why != "" {
		t.Errorf("still %s", why)
	}
	check("after the commit", dir, translation.StillOpen)
	closeWriter(t, w)
}
