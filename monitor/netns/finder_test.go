//go:build linux

package netns

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// tree is a proc(5) that a test made.
type tree struct {
	t   *testing.T
	dir string
}

func (p *tree) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		p.t.Fatal(err)
	}
}

// process makes a process: where its link to a namespace leads, and its cgroups.
func (p *tree) process(pid, link, cgroup string) {
	p.t.Helper()
	p.write(pid+"/cgroup", cgroup)
	dir := filepath.Join(p.dir, pid, "ns")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Symlink(link, filepath.Join(dir, "net"))); err != nil {
		p.t.Fatal(err)
	}
}

// TestFinderNames expects the namespaces of a host with everything on it, in the
// order of their names, each by the best name that it has.
func TestFinderNames(t *testing.T) {
	p := &tree{t, t.TempDir()}
	p.process("self", "net:[1000]", "0::/docker/"+id+"\n")
	p.process("1", "net:[1000]", "0::/init.scope\n")
	p.process("20", "net:[2000]", "0::/docker/"+id+"\n")
	p.process("7", "net:[2000]", "0::/system.slice/docker-"+other+".scope\n") // the first process names it
	p.process("30", "net:[3000]", "0::/kubepods/podx/"+id+"\n")
	p.process("40", "net:[4000]", "0::/kubepods/podx/"+other+"\n")
	p.process("50", "net:[5000]", "0::/user.slice\n")
	p.process("60", "net:[6000]", "0::/lxc/\x1b]0;evil\a\n")
	p.process("70", "net:[]", "")
	p.process("80", "mnt:[8000]", "")
	p.process("900x", "net:[9000]", "")
	p.process("999999999999999999999", "net:[9001]", "")
	p.write("90/cgroup", "0::/docker/"+id+"\n") // a zombie has no namespace
	p.write("self/mountinfo", `1 2 0:4 net:[3000] /run/netns/cni-0000 rw - nsfs nsfs rw
2 2 0:4 net:[4000] /run/netns/blue rw - nsfs nsfs rw
3 2 0:4 net:[7000] /run/netns/green\040one rw - nsfs nsfs rw
4 2 0:4 net:[7100] /run/docker/netns/default rw - nsfs nsfs rw
5 2 0:4 net:[7200] /run/netns/`+"\x1b[31mred\u202e"+` rw - nsfs nsfs rw
`)
	f := Finder{proc: p.dir}
	if err := f.Scan(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range f.Found() {
		line := strconv.FormatUint(
			n.Inode,
			10,
		) + " " + n.Name + " " + strconv.Itoa(
			n.PID,
		) + " " + strings.ReplaceAll(
			n.Path,
			p.dir,
			"/proc",
		)
		if n.Own {
			line += " own"
		}
		got = append(got, line)
	}
	want := []string{
		"7200 \x1b[31mred\u202e 0 /run/netns/\x1b[31mred\u202e",
		"7100 /run/docker/netns/default 0 /run/docker/netns/default",
		"4000 blue 40 /run/netns/blue",
		"2000 docker:fedcba987654 7 /proc/7/ns/net",
		"7000 green one 0 /run/netns/green one",
		"1000 host 1 /proc/1/ns/net own",
		"3000 k8s:0123456789ab 30 /run/netns/cni-0000",
		"6000 lxc:\x1b]0;evil\a 60 /proc/60/ns/net",
		"5000 pid:50 50 /proc/50/ns/net",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// A process ends and its namespace with it, another gets a name.
	if err := os.RemoveAll(filepath.Join(p.dir, "60")); err != nil {
		t.Fatal(err)
	}
	p.write("self/mountinfo", "1 2 0:4 net:[5000] /run/netns/named rw - nsfs nsfs rw\n")
	if err := f.Scan(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range f.Found() {
		names = append(names, n.Name)
	}
	if want := []string{"docker:fedcba987654", "host", "k8s:0123456789ab", "k8s:fedcba987654", "named"}; !slices.Equal(
		names,
		want,
	) {
		t.Errorf("names %q, want %q", names, want)
	}
	if f.Has(6000) || f.Has(7000) || !f.Has(5000) {
		t.Error("Has is wrong about an existing namespace")
	}
}

// TestFinderLearnsContainer: a runtime may move a process into the container's
// cgroup when it is in its namespace already, and has been found there.
func TestFinderLearnsContainer(t *testing.T) {
	p := &tree{t, t.TempDir()}
	p.process("self", "net:[1000]", "0::/\n")
	p.process("20", "net:[2000]", "0::/user.slice\n")
	p.write("self/mountinfo", "")
	f := Finder{proc: p.dir}
	for _, want := range []string{"pid:20", "docker:" + id[:12]} {
		if err := f.Scan(); err != nil {
			t.Fatal(err)
		}
		if got := f.Found(); len(got) != 2 ||
			!slices.ContainsFunc(got, func(n Found) bool { return n.Inode == 2000 && n.Name == want }) {
			t.Errorf("found %v, want %s among them", got, want)
		}
		p.write("20/cgroup", "0::/docker/"+id+"\n")
	}
}

// TestOwnName expects the name that ip-netns(8) gave the namespace that the caller
// was started in, and else the name of a host's own.
func TestOwnName(t *testing.T) {
	for _, c := range []struct{ link, mountinfo, want string }{
		{"net:[1000]", "1 2 0:4 net:[2000] /run/netns/red rw - nsfs nsfs rw\n2 2 0:4 net:[1000] /run/netns/blue rw - nsfs nsfs rw\n", "blue"},
		{"net:[1000]", "1 2 0:4 net:[2000] /run/netns/red rw - nsfs nsfs rw\n", OwnName},
		{"net:[1000]", "1 2 0:4 net:[1000] /run/docker/netns/default rw - nsfs nsfs rw\n", OwnName},
		{"net:[1000]", "1 2 0:4 net:[1000] /run/netns/\x1b]0;evil\a rw - nsfs nsfs rw\n", "\x1b]0;evil\a"},
		{"net:[]", "", OwnName},
	} {
		p := &tree{t, t.TempDir()}
		p.process("self", c.link, "0::/\n")
		p.write("self/mountinfo", c.mountinfo)
		f := Finder{proc: p.dir}
		if got := f.ownName(); got != c.want {
			t.Errorf("%s of %q is called %q, want %q", c.link, c.mountinfo, got, c.want)
		}
	}
	if got := (&Finder{proc: t.TempDir()}).ownName(); got != OwnName {
		t.Errorf("without proc(5) it is called %q", got)
	}
}

// TestFinderFindsProcess expects the namespace of a process from the process's start to
// its end.
func TestFinderFindsProcess(t *testing.T) {
	cmd := exec.Command("cat") // reads until its standard input ends
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	err = cmd.Start()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			stdin.Close()
			cmd.Wait()
		}
	}
	defer end()
	var f Finder
	if err := f.Scan(); err != nil {
		t.Fatal(err)
	}
	all := f.Found()
	i := slices.IndexFunc(all, func(n Found) bool { return n.PID == cmd.Process.Pid })
	if i < 0 {
		t.Fatalf("not found among %v", all)
	}
	n := all[i]
	// Where the tests run in a container, the process is in it as well.
	if n.Name == "" || n.Name == OwnName || n.Own {
		t.Errorf("found as %+v", n)
	}
	file, err := n.Open()
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	wrong := n
	wrong.Inode++
	if _, err := wrong.Open(); !errors.Is(err, ErrGone) {
		t.Errorf("open of another one's path: %v", err)
	}
	end()
	if _, err := n.Open(); !errors.Is(err, ErrGone) {
		t.Errorf("open after the end: %v", err)
	}
	if err := f.Scan(); err != nil {
		t.Fatal(err)
	}
	if f.Has(n.Inode) {
		t.Error("it is there after its end")
	}
}

// A process that has been in one namespace for a while and enters another one is found there
// after a number of scans.
func TestFinderMoves(t *testing.T) {
	p := &tree{t, t.TempDir()}
	p.write("self/mountinfo", "")
	p.process("self", "net:[1000]", "")
	p.process("50", "net:[2000]", "")
	f := Finder{proc: p.dir}
	scan := func() bool {
		if err := f.Scan(); err != nil {
			t.Fatal(err)
		}
		return f.Has(3000)
	}
	for range 2 * newReads {
		scan()
	}
	if err := os.RemoveAll(filepath.Join(p.dir, "50")); err != nil {
		t.Fatal(err)
	}
	p.process("50", "net:[3000]", "")
	p.process("60", "net:[4000]", "")
	scans := 1
	for ; !scan(); scans++ {
		if scans > oldScans {
			t.Fatal("not found")
		}
		if !f.Has(4000) {
			t.Error("a new process is not found")
		}
	}
	if f.Has(2000) {
		t.Error("found in both namespaces")
	}
}
