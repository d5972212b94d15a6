//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// TestEveryNamespaceRefused: of what can't be read for want of privilege
// there is a line, at the start too.
func TestEveryNamespaceRefused(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	want := []string{" of the host's processes can't be read; "}
	if os.Geteuid() == 0 && labtest.InitialUserNS() {
		name := fmt.Sprintf("natlens-test-%d", os.Getpid())
		nameNetNS(t, g.Namespace(), name)
		want = append(want, "network namespace "+name+": ")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"watch --netns all -o jsonl --for 10ms", "list --netns all", "stats --netns all"} {
		cmd := exec.Command(self, strings.Fields(args)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		}
		cmd.Env = append(os.Environ(), beNatlens+"=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v, %s", args, err, stderr.String())
		}
		for _, w := range want {
			_, line, ok := strings.Cut(stderr.String(), w)
			line, _, _ = strings.Cut(line, "\n")
			if !ok || strings.HasPrefix(w, "network") && !strings.Contains(line, "CAP_SYS_ADMIN is missing (") {
				t.Errorf("%s says no %q: %s", args, w, stderr.String())
			}
		}
	}
}

// nameNetNS gives a namespace a name of ip-netns(8) for the test.
func nameNetNS(t *testing.T, ns *lab.Namespace, name string) {
	t.Helper()
	at := filepath.Join(netns.Dir, name)
	if err := os.MkdirAll(netns.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(at) })
	if err := unix.Mount(ns.Path(), at, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestEveryHistoryBesideTheUI keeps the same beside the UI, and asks it there.
func TestEveryHistoryBesideTheUI(t *testing.T) {
	l := labtest.New(t)
	name := labtest.Inhabit(t, l.Gateway)
	dir := t.TempDir()
	p := openPane(t, 120, 30, "--netns", "all", "--history", dir)
	p.await("the UI", hasText("1 Flows", "6 Who"))
	labtest.FlowsUDP(t, l, 3)
	labtest.WaitFor(t, "the flows in the history", func() bool {
		c := call(t.Context(), cli.Console{}, "who", "203.0.113.1", "-p", "udp", "--history", dir, "--netns", name, "-o", "jsonl")
		return strings.Count(c.stdout.String(), `"netns":"`+name+`"`) == 3
	})
	p.press("6")
	p.await("the page", hasText("enter to search who held an address"))
	p.press("Enter")
	p.await("the prompt", func(lines []string) bool {
		return strings.HasPrefix(strings.TrimSpace(lines[len(lines)-1]), "who")
	})
	p.enter("203.0.113.1 -p udp --netns " + name)
	p.press("Enter")
	p.await("the answer", hasText("Held by 192.168.77.2 in "+name+": 3 translations, none uncertain."))
	p.press("q")
	p.endedWell()
}
