package history

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// fullDirEnv makes the test run again in a mount namespace with a small disk.
const fullDirEnv = "NATLENS_TEST_HISTORY_FULL"

// TestDiskFull fills the disk under a writer. It reports the error once and goes
// on. When there is space again, it writes what memory held; the rest is a gap.
func TestDiskFull(t *testing.T) {
	dir := os.Getenv(fullDirEnv)
	if dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m,mode=700"); err != nil {
			t.Fatalf("mount: %v", err)
		}
		testDiskFull(t, dir)
		testDiskStaysFull(t, filepath.Join(dir, "again"))
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run", "^TestDiskFull$", "-test.v")
	cmd.Env = append(os.Environ(), fullDirEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Skipf("no user namespace to mount a small disk in: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// notes collects what a writer reports.
type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, text)
}

func (n *notes) get() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

func testDiskFull(t *testing.T, dir string) {
	var reported notes
	w := open(t, Config{Dir: dir, Every: 5 * time.Millisecond, MaxPending: 1000, Note: reported.add})
	n := 0
	some := func(count int) {
		for range count {
			var f feed
			oneLife(&f, n, at(0)+monitor.Time(n)*second)
			write(t, w, &f)
			n++
		}
	}
	some(2000)
	syncUp(t, w)
	safe := n
	filler := filepath.Join(dir, "filler")
	if err := fill(filler); err != nil {
		t.Fatal(err)
	}
	for len(reported.get()) == 0 && n < 20_000 {
		some(100)
		if err := w.Sync(); err != nil && n-safe < 100 {
			t.Logf("full at once: %v", err)
		}
	}
	some(5000) // Write does not wait for the disk
	st := w.Stats()
	why := w.Trouble()
	if got := reported.get(); len(got) != 1 || got[0] != why {
		t.Fatalf("notes %q, trouble %q", got, why)
	}
	if !strings.Contains(why, dir) || !strings.Contains(why, "full") && !strings.Contains(why, "space") && !strings.Contains(why, "I/O") {
		t.Errorf("the note does not say what is wrong: %s", why)
	}
	if st.Unkept == 0 || st.Pending > 1000 {
		t.Fatalf("%+v", st)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); w.Sync() != nil; {
		if time.Now().After(deadline) {
			t.Fatalf("still: %s", w.Trouble())
		}
		time.Sleep(time.Millisecond)
	}
	some(100)
	syncUp(t, w)
	unkept := w.Stats().Unkept
	closeWriter(t, w)
	if notes := reported.get(); len(notes) != 2 { // that writing fails, and that it works
		t.Errorf("notes %q", notes)
	}
	got, res := ask(t, dir, translation.Query{})
	there := map[uint16]int{}
	for _, a := range got {
		there[a.SentAs.Port]++
		if a.End == 0 {
			t.Fatalf("flow %d is open: it had closed", a.SentAs.Port)
		}
	}
	for i := range n {
		if c := there[uint16(i+1)]; c > 1 || c == 0 && (i < safe || i >= n-100) {
			t.Fatalf("flow %d of %d is there %d times", i, n, c)
		}
	}
	if len(got)+int(unkept) != n || len(res.Faults) > 0 {
		t.Errorf("%d rows and %d not kept of %d; faults %v", len(got), unkept, n, res.Faults)
	}
	if len(res.Gaps) != 1 || res.Gaps[0].Cause != translation.Unwritten || res.Gaps[0].Count != unkept {
		t.Errorf("gaps %+v, want one of %d", res.Gaps, unkept)
	}
	q := translation.Query{Since: res.Gaps[0].From, Until: res.Gaps[0].From}
	if _, res := ask(t, dir, q); len(res.Gaps) != 1 {
		t.Error("a query about that time does not report the gap")
	}
}

// testDiskStaysFull closes a writer while the disk is full. The error says how
// many translations are lost, those of the commit that failed included.
func testDiskStaysFull(t *testing.T, dir string) {
	var reported notes
	w := open(t, Config{Dir: dir, Every: 5 * time.Millisecond, MaxPending: 1000, Note: reported.add})
	filler, n := filepath.Join(dir, "filler"), 0
	if err := fill(filler); err != nil {
		t.Fatal(err)
	}
	for len(reported.get()) == 0 || n < 5000 {
		var f feed
		oneLife(&f, n, at(0)+monitor.Time(n)*second)
		write(t, w, &f)
		n++
	}
	st := w.Stats()
	if kept := int(st.Rows) + st.Pending + int(st.Unkept); kept != n || st.Pending > 1000 {
		t.Errorf("%d translations ended, counted are %d: %+v", n, kept, st)
	}
	err := w.Close()
	if err == nil {
		t.Fatal("no error")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	got, _ := ask(t, dir, translation.Query{})
	got = slices.DeleteFunc(got, func(a translation.Answer) bool { return a.End == 0 })
	if want := fmt.Sprintf("; %d translations ", n-len(got)); !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// fill takes all the space there is.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, size := range []int{1 << 16, 1 << 12} {
		block := make([]byte, size)
		for {
			if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
				break
			} else if err != nil {
				return fmt.Errorf("fill: %w", err)
			}
		}
	}
	return nil
}
