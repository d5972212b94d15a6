//go:build linux

package netns

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A namespace keeps its name when it is unmounted while a process lives in it, and
// after that; a stronger name replaces a weaker one.
func TestFollowerKeepsNames(t *testing.T) {
	p := &tree{t, t.TempDir()}
	p.process("self", "net:[1000]", "0::/\n")
	p.process("20", "net:[2000]", "0::/user.slice\n")
	p.process("30", "net:[3000]", "0::/user.slice\n")
	p.process("40", "net:[3000]", "0::/user.slice\n")
	mounted := func(lines string) { p.write("self/mountinfo", lines) }
	const blue = "1 2 0:4 net:[2000] /run/netns/blue rw - nsfs nsfs rw\n"
	mounted(blue)

	var renamed []string
	f := &Follower{
		cfg:    FollowConfig{Renamed: func(n Found) { renamed = append(renamed, n.Name) }},
		finder: Finder{proc: p.dir}, here: map[uint64]*followed{},
	}
	scan := func() {
		t.Helper()
		if err := f.finder.Scan(); err != nil {
			t.Fatal(err)
		}
		for _, n := range f.finder.Found() {
			if f.here[n.Inode] == nil {
				f.here[n.Inode] = &followed{Found: n}
			}
		}
		f.takeNew()
	}
	for _, step := range []struct {
		what string
		do   func()
		name string // of the namespace that has the inode
		of   uint64
		want []string // renamed so far
	}{
		{"found", func() {}, "blue", 2000, nil},
		{"unmounted while a process lives in it", func() { mounted("") }, "blue", 2000, nil},
		{"another process", func() { p.process("10", "net:[2000]", "0::/user.slice\n") }, "blue", 2000, nil},
		{"mounted again by another name", func() { mounted("1 2 0:4 net:[2000] /run/netns/red rw - nsfs nsfs rw\n") }, "blue", 2000, nil},
		{"known by a process", func() {}, "pid:30", 3000, nil},
		{"that process has ended", func() { p.remove("30") }, "pid:40", 3000, []string{"pid:40"}},
		{"the other is in a container", func() { p.write("40/cgroup", "0::/docker/"+id+"\n") }, "docker:" + id[:12], 3000,
			[]string{"pid:40", "docker:" + id[:12]}},
		{"without a process", func() { mounted("2 2 0:4 net:[4000] /run/netns/cyan rw - nsfs nsfs rw\n") }, "cyan", 4000,
			[]string{"pid:40", "docker:" + id[:12]}},
		{"the first process", func() { p.process("50", "net:[4000]", "0::/docker/"+id+"\n") }, "cyan", 4000,
			[]string{"pid:40", "docker:" + id[:12], "cyan"}},
		{"a second process", func() { p.process("51", "net:[4000]", "0::/\n") }, "cyan", 4000,
			[]string{"pid:40", "docker:" + id[:12], "cyan"}},
	} {
		step.do()
		scan()
		if got := f.here[step.of].Name; got != step.name || !slices.Equal(renamed, step.want) {
			t.Errorf("%s: named %s, renamed %q; want %s, %q", step.what, got, renamed, step.name, step.want)
		}
	}
}

// remove ends a process.
func (p *tree) remove(pid string) {
	p.t.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, pid)); err != nil {
		p.t.Fatal(err)
	}
}
