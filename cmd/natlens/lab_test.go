//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli/clitest"
)

// plainUser is the user that the lab is run as if the tests run as root.
const nobody = 65534

// TestLabAsPlainUser builds natlens, runs its lab as a plain user in a network
// namespace in place of the host, sees flows that NAT rewrote within ten
// seconds, interrupts it, and checks what it left.
func TestLabAsPlainUser(t *testing.T) {
	home := t.TempDir()
	program := buildNatlens(t)
	cmd := exec.Command(program, "lab", "--watch", "-o", "jsonl", "nat")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "XDG_RUNTIME_DIR=" + home, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 && !inUserNS(t) {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		chown(t, home, filepath.Dir(program), program)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr clitest.Buffer
	cmd.Stderr = &stderr
	host := newHost(t)
	interfaces := host.interfaces(t)

	err = host.do(func() error {
		if err := childrenArePlain(); err != nil {
			return err
		}
		return cmd.Start()
	})
	if err != nil {
		t.Fatal(err)
	}
	group := cmd.Process.Pid
	t.Cleanup(func() { syscall.Kill(-group, syscall.SIGKILL) })
	late := time.AfterFunc(10*time.Second, func() { syscall.Kill(-group, syscall.SIGKILL) })
	lines := bufio.NewScanner(stdout)
	awaitNAT(t, lines, &stderr)
	if !late.Stop() {
		t.Fatal("the flows came after more than ten seconds")
	}
	namespaces := namespacesOf(t, group)
	if len(namespaces) < 5 {
		t.Errorf("the lab holds the network namespaces %v, there should be five", namespaces)
	}

	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		if !json.Valid(lines.Bytes()) {
			t.Errorf("not a whole line: %q", lines.Text())
		}
	}
	waitErr := cmd.Wait()
	if checkNotes(t, stderr.String()); waitErr != nil {
		t.Error(waitErr)
	}

	if err := syscall.Kill(-group, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a process of its group is left: %v", err)
	}
	for _, ns := range namespaces {
		if holder := holderOf(ns); holder != "" {
			t.Errorf("%s is still held by %s", ns, holder)
		}
	}
	if now := host.interfaces(t); !slices.Equal(now, interfaces) {
		t.Errorf("interfaces %v, before %v", now, interfaces)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// awaitNAT reads lines until both kinds of NAT were seen.
func awaitNAT(t *testing.T, lines *bufio.Scanner, stderr *clitest.Buffer) {
	t.Helper()
	kinds := map[string]bool{}
	for !kinds["snat"] || !kinds["dnat"] {
		if !lines.Scan() {
			t.Fatalf("the lines end, after NAT of the kinds %v; standard error: %s", kinds, stderr.String())
		}
		var line struct {
			NAT struct{ Kind string } `json:"nat"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %q", err, lines.Text())
		}
		kinds[line.NAT.Kind] = true
	}
}

// buildNatlens builds the program as it is shipped.
func buildNatlens(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "natlens")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	return path
}

// chown gives files to nobody, and lets it come to them.
func chown(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.Chown(p, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		// The directories of the test itself are root's alone.
		for dir := filepath.Dir(p); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// inUserNS reports whether ids of this process are not the host's: nobody can't
// be had there, and root is a plain user already.
func inUserNS(t *testing.T) bool {
	t.Helper()
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(ids)), " ") != "0 0 4294967295"
}

// host is a network namespace in place of the host's: what is left in it was
// left by the lab and nobody else.
type host struct{ calls chan func() }

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{make(chan func())}
	ready := make(chan error)
	go onThread(func() error {
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range h.calls {
			f()
		}
		return nil
	})
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(h.calls) })
	return h
}

// do calls f on a thread in the namespace.
func (h *host) do(f func() error) error {
	result := make(chan error)
	h.calls <- func() { result <- f() }
	return <-result
}

func (h *host) interfaces(t *testing.T) (names []string) {
	t.Helper()
	err := h.do(func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			names = append(names, fmt.Sprint(i.Index, " ", i.Name, " ", i.Flags))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// namespacesOf returns the network namespaces that the processes of a group are
// in or hold open.
func namespacesOf(t *testing.T, group int) []string {
	t.Helper()
	found := map[string]bool{}
	eachProcess(func(dir string, pgrp int) {
		if pgrp == group {
			eachNamespace(dir, func(ns string) { found[ns] = true })
		}
	})
	// The host's is not the lab's.
	var names []string
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", group))
	if err != nil {
		t.Fatal(err)
	}
	for ns := range found {
		if ns != own {
			names = append(names, ns)
		}
	}
	return names
}

// holderOf returns a process that is in the namespace or holds it open.
func holderOf(ns string) (holder string) {
	eachProcess(func(dir string, _ int) {
		eachNamespace(dir, func(held string) {
			if held == ns {
				comm, _ := os.ReadFile(dir + "/comm")
				holder = dir + " " + strings.TrimSpace(string(comm))
			}
		})
	})
	return holder
}

// eachProcess calls f with the directory of every process in /proc and its
// process group.
func eachProcess(f func(dir string, group int)) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has ended
		}
		var state string
		var parent, group int
		_, after, _ := strings.Cut(string(stat), ") ")
		if _, err := fmt.Sscan(after, &state, &parent, &group); err == nil {
			f(dir, group)
		}
	}
}

// eachNamespace calls f with the network namespaces of a process and of its open
// files, of those that may be read.
func eachNamespace(dir string, f func(ns string)) {
	links, _ := filepath.Glob(dir + "/fd/*")
	for _, link := range append(links, dir+"/ns/net") {
		ns, err := os.Readlink(link)
		if errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(ns, "net:[") {
			continue
		}
		f(ns)
	}
}
