//go:build linux

package service

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// confined, in the environment, makes the test's program try what Confine forbids: see TestConfine.
const confined = "NATLENS_TEST_CONFINED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(confined); dir != "" {
		os.Exit(tryConfined(dir))
	}
	os.Exit(m.Run())
}

// TestNotify plays the service manager: natlens is ready, reports its status, gives signs of life while the run makes
// progress and none while it is stuck, and says that it stops.
func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	read := func() string {
		t.Helper()
		b := make([]byte, 1000)
		_ = manager.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := manager.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	var stuck atomic.Bool
	stop, err := Ready(func() string { return "7 events/s" }, func() bool { return !stuck.Load() })
	if err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "READY=1\nSTATUS=7 events/s" {
		t.Errorf("first %q", got)
	}
	if got := read(); got != "STATUS=7 events/s\nWATCHDOG=1" {
		t.Errorf("then %q", got)
	}
	stuck.Store(true)
	got := ""
	for got != "STATUS=7 events/s" {
		got = read()
	}
	if got = read(); got != "STATUS=7 events/s" {
		t.Errorf("a stuck run says %q", got)
	}
	stop()
	for got == "STATUS=7 events/s" {
		got = read()
	}
	if got != "STOPPING=1" {
		t.Errorf("at the end %q", got)
	}
}

// TestNoManager expects a run without a service manager to say nothing, and one with a wrong address to say so.
func TestNoManager(t *testing.T) {
	status := func() string { return "" }
	t.Setenv("NOTIFY_SOCKET", "")
	stop, err := Ready(status, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	t.Setenv("NOTIFY_SOCKET", "/nowhere/notify")
	if _, err := Ready(status, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestConfine expects a confined process to read everywhere, to create files in its directories only, and to have no
// capability but its own.
func TestConfine(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), confined+"="+dir)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "no Landlock") {
		t.Skip("this kernel has no Landlock")
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// tryConfined returns the exit code of the program of TestConfine.
func tryConfined(dir string) int {
	own, other := filepath.Join(dir, "own"), filepath.Join(dir, "other")
	abi, _, _ := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if int(abi) <= 0 {
		println("no Landlock")
		return 0
	}
	if err := errors.Join(os.Mkdir(own, 0o700), os.Mkdir(other, 0o700), Confine(own)); err != nil {
		println(err.Error())
		return 1
	}
	code := 0
	for path, want := range map[string]error{filepath.Join(own, "x"): nil, filepath.Join(other, "x"): fs.ErrPermission} {
		if err := os.WriteFile(path, nil, 0o600); !errors.Is(err, want) {
			println(path, err)
			code = 1
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "CapPrm:\t")
	if hex, _, _ := strings.Cut(after, "\n"); err != nil || strings.Trim(hex, "012") != "" || !strings.HasPrefix(hex, "000000000000") {
		println("capabilities", hex, err)
		code = 1
	}
	return code
}
