//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// peopled is a network namespace with a process in it, by which --netns all finds
// it, and flows from one address of its own: 198.18.0.1 and its number.
type peopled struct {
	g    *labtest.Generator
	name string
	base int
	made int // flows
}

func people(t *testing.T, base int) *peopled {
	t.Helper()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{SNAT: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return &peopled{g, inhabit(t, g.Namespace()), base, 0}
}

// inhabit starts a process in the namespace for the test, and returns the name that
// the namespace has by it.
func inhabit(t *testing.T, ns *lab.Namespace) string {
	t.Helper()
	sleeper := exec.Command("sleep", "600")
	if err := ns.Do(sleeper.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sleeper.Process.Kill(); sleeper.Wait() })
	return fmt.Sprintf("pid:%d", sleeper.Process.Pid)
}

func (p *peopled) flows(t *testing.T, n int) {
	t.Helper()
	p.made += n
	if _, err := p.g.Generate(t.Context(), labtest.GenConfig{Flows: n, Base: p.base}); err != nil {
		t.Fatal(err)
	}
}

// perNamespace counts the flows of JSON lines by namespace, event and source.
func perNamespace(t *testing.T, lines string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for line := range strings.Lines(lines) {
		var e struct {
			Event, NetNS string
			Orig         struct{ Src string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		count[strings.TrimSpace(strings.Join([]string{e.NetNS, e.Event, e.Orig.Src}, " "))]++
	}
	return count
}

func (p *peopled) key(event string) string {
	return fmt.Sprintf("%s %s 198.18.0.%d", p.name, event, 1+p.base)
}

// TestEveryNamespace watches two namespaces at once: each flow and each counter
// has the right one's name, what is read back is the same, and a filter takes one.
func TestEveryNamespace(t *testing.T) {
	a, b := people(t, 0), people(t, 1)
	a.flows(t, 128)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	r := beginIn(t, ctx, "all", "watch", "-o", "jsonl", "udp", "net", "198.18.0.0/15")
	b.flows(t, 64)
	labtest.WaitFor(t, "the events", func() bool { return strings.Count(r.stdout.String(), `"netns":"`+b.name+`"`) >= 64 })
	end()
	if code := r.end(t); code != 0 {
		t.Fatalf("code %d, %s", code, r.stderr.String())
	}
	if got := perNamespace(t, r.stdout.String()); got[b.key("new")] != 64 || got[a.key("new")] != 0 {
		t.Errorf("watch: %v", got)
	}

	path := writeRecording(t, r.stdout.String())
	if c := call(t.Context(), cli.Console{}, "watch", "--from", path, "-o", "jsonl"); c.stdout.String() != r.stdout.String() {
		t.Errorf("read back: %s", firstDifference(c.stdout.String(), r.stdout.String()))
	}

	list := call(t.Context(), cli.Console{}, "list", "--netns", "all", "-o", "jsonl", "udp", "net", "198.18.0.0/15")
	if got := perNamespace(t, list.stdout.String()); list.code != 0 || got[a.key("existing")] != 128 || got[b.key("existing")] != 64 {
		t.Errorf("list: code %d, %v, %s", list.code, got, list.stderr.String())
	}
	one := call(t.Context(), cli.Console{}, "list", "--netns", "all", "-o", "jsonl", "netns", a.name)
	if got := perNamespace(t, one.stdout.String()); len(got) != 1 || got[a.key("existing")] != 128 {
		t.Errorf("list netns %s: code %d, %v, %s", a.name, one.code, got, one.stderr.String())
	}

	few := call(t.Context(), cli.Console{}, "list", "--netns", "all", "-o", "jsonl", "--limit", "3", "udp", "net", "198.18.0.0/15")
	if n := strings.Count(few.stdout.String(), "\n"); few.code != 0 || n != 3 || strings.Contains(few.stderr.String(), "stop") {
		t.Errorf("list --limit 3: code %d, %d flows, %s", few.code, n, few.stderr.String())
	}

	for _, p := range []*peopled{a, b} {
		inside := fmt.Sprintf("198.18.0.%d", 1+p.base)
		who := call(t.Context(), cli.Console{}, "who", "--inside", inside, "--live", "--netns", "all", "-o", "jsonl")
		got := perNamespace(t, who.stdout.String())
		delete(got, "") // the verdict
		if want := map[string]int{p.key(""): p.made}; who.code != 0 || !maps.Equal(got, want) {
			t.Errorf("who: code %d, %v, want %v; %s", who.code, got, want, who.stderr.String())
		}
	}

	stats := call(t.Context(), cli.Console{}, "stats", "--netns", "all", "-o", "jsonl")
	entries := map[string]int{}
	for line := range strings.Lines(stats.stdout.String()) {
		var s struct {
			NetNS   string
			Entries int
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		entries[s.NetNS] = s.Entries
	}
	if entries[a.name] != 128 || entries[b.name] != 64 {
		t.Errorf("stats: %v", entries)
	}
}

// TestEveryRecorded records two namespaces in one file of JSON lines.
func TestEveryRecorded(t *testing.T) {
	a, b := people(t, 0), people(t, 1)
	a.flows(t, 128)
	path := filepath.Join(t.TempDir(), "all.jsonl.zst")
	ctx, end := context.WithCancel(t.Context())
	defer end()
	r := beginIn(t, ctx, "all", "record", path, "udp", "net", "198.18.0.0/15")
	b.flows(t, 64)
	read := func() map[string]int {
		c := call(t.Context(), cli.Console{}, "watch", "--quiet", "--from", path, "-o", "jsonl")
		if c.code != 0 {
			t.Fatal(c.stderr.String())
		}
		return perNamespace(t, c.stdout.String())
	}
	labtest.WaitFor(t, "the events", func() bool { return read()[b.key("new")] == 64 })
	end()
	if code := r.end(t); code != 0 {
		t.Fatalf("code %d, %s", code, r.stderr.String())
	}
	if got := read(); got[a.key("existing")] != 128 || got[b.key("new")] != 64 {
		t.Errorf("got %v", got)
	}
}

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

// TestEveryHistory keeps a history of two gateways whose hosts have the same
// addresses: each row names its namespace.
func TestEveryHistory(t *testing.T) {
	labs := []*lab.Lab{labtest.New(t), labtest.New(t)}
	names := []string{inhabit(t, labs[0].Gateway), inhabit(t, labs[1].Gateway)}
	dir := t.TempDir()
	ctx, end := context.WithCancel(t.Context())
	r := beginIn(t, ctx, "all", "record", "--history", dir)
	labtest.FlowsUDP(t, labs[0], 3)
	labtest.FlowsUDP(t, labs[1], 5)
	held := func() map[string]int {
		counts := map[string]int{}
		c := call(t.Context(), cli.Console{}, "who", "203.0.113.1", "-p", "udp", "--history", dir, "-o", "jsonl")
		for _, line := range decodeLines(t, c.stdout.String()) {
			if name, ok := line["netns"].(string); ok && slices.Contains(names, name) {
				counts[name]++
			}
		}
		return counts
	}
	want := map[string]int{names[0]: 3, names[1]: 5}
	labtest.WaitFor(t, "the flows of both", func() bool { return maps.Equal(held(), want) })
	for i, name := range names {
		c := call(t.Context(), cli.Console{}, "who", "203.0.113.1", "-p", "udp", "--history", dir, "-o", "jsonl", "--netns", name)
		lines := decodeLines(t, c.stdout.String())
		for _, line := range lines[:len(lines)-1] {
			if line["netns"] != name {
				t.Errorf("--netns %s: %v", name, line)
			}
		}
		if len(lines)-1 != want[names[i]] {
			t.Errorf("--netns %s: code %d, %d answers, want %d", name, c.code, len(lines)-1, want[name])
		}
	}
	end()
	if code := r.end(t); code != 0 {
		t.Errorf("code %d, %s", code, r.stderr.String())
	}
	c := call(t.Context(), cli.Console{}, "who", "192.0.2.9", "--history", dir, "--netns", names[1])
	if !strings.HasPrefix(c.stdout.String(), "No translation found.") || c.code != 1 {
		t.Errorf("nobody in %s: code %d, %s%s", names[1], c.code, c.stdout.String(), c.stderr.String())
	}
	c = call(t.Context(), cli.Console{}, "who", "203.0.113.1", "--history", dir, "--netns", "nowhere")
	if text := c.stdout.String(); !strings.HasPrefix(text, "Not covered: the history in "+dir+" has no network namespace nowhere, but ") ||
		!strings.Contains(text, names[0]) || c.code != 1 {
		t.Errorf("nowhere: code %d, %s%s", c.code, text, c.stderr.String())
	}
}

// TestEveryHistoryBesideTheUI keeps the same beside the UI, and asks it there.
func TestEveryHistoryBesideTheUI(t *testing.T) {
	l := labtest.New(t)
	name := inhabit(t, l.Gateway)
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

// TestFiftyNamespaces watches 50 namespaces at once: findings, metrics and the pages of
// the user interface keep them apart.
func TestFiftyNamespaces(t *testing.T) {
	const flows = 128
	var all []*peopled
	for i := range 50 {
		all = append(all, people(t, i))
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	r := beginIn(t, ctx, "all", "watch", "-o", "jsonl", "--findings", "--threshold", "many-destinations=100", "--metrics", "127.0.0.1:0", "event", "destroy")
	at := r.metricsOf(t)
	p := openPane(t, 160, 40, "--theme", "dark", "--netns", "all")
	p.await("the UI", hasText("1 Flows", "5 Health"))
	for _, one := range all {
		one.flows(t, flows)
	}
	labtest.WaitFor(t, "a finding in each namespace", func() bool {
		lines := r.stdout.String()
		for _, one := range all {
			found := fmt.Sprintf(`"rule":"many-destinations","severity":"warn","subject":"198.18.0.%d in %s"`, 1+one.base, one.name)
			if !strings.Contains(lines, found) {
				return false
			}
		}
		return true
	})
	labtest.WaitFor(t, "the metrics of each namespace", func() bool {
		text := httpGet(t, at+"/metrics")
		for _, one := range all {
			for _, line := range []string{
				`natlens_events_total{kind="new",netns="%s",protocol="udp",state="unreplied"} 128`,
				`natlens_flows{netns="%s",protocol="udp",state="unreplied"} 128`,
				`natlens_table_entries{netns="%s"} 128`,
				`natlens_findings{netns="%s",rule="many-destinations"} 1`,
			} {
				if !strings.Contains(text, fmt.Sprintf(line, one.name)+"\n") {
					return false
				}
			}
		}
		return true
	})
	p.press("5")
	p.await("what is not counted, and where", hasText("EVENTS", "! acct", " more: packets and bytes are not counted"))
	end()
	if code := r.end(t); code != 0 {
		t.Errorf("code %d, %s", code, r.stderr.String())
	}
	p.press("q")
	p.endedWell()
}
