//go:build linux

package annotate

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// cgroups finds the path of a cgroup by its id, which is the inode of its directory
// (cgroups(7), version 2).
type cgroups struct {
	containers *containers
	mount      string            // mount point of the tree; "": not searched yet, "-": no tree is mounted
	paths      map[uint64]string // below mount, with a slash in front
	walks      pause
}

// maxPaths is the maximum number of remembered cgroups.
const maxPaths = 1 << 16

// container returns the container of a cgroup. ok is false if the cgroup belongs to no
// container or is unknown.
func (c *cgroups) container(id uint64) (n names, ok bool) {
	path := c.path(id)
	if path == "" {
		return n, false
	}
	return c.containers.of("0::" + path)
}

// processes returns the process ids in a cgroup, none if it is unknown or the root cgroup.
func (c *cgroups) processes(id uint64) (pids []int) {
	path := c.path(id)
	if path == "" || path == "/" {
		return nil // the root has all processes that are in no other cgroup
	}
	text, _ := os.ReadFile(c.mount + path + "/cgroup.procs") // on an error none
	return numbers(strings.Fields(string(text)))
}

// path returns the path of a cgroup below the mount point, "" if it is not known. If the id is
// new, it reads the whole tree, unless that was done too recently.
func (c *cgroups) path(id uint64) string {
	if path, ok := c.paths[id]; ok || id == 0 {
		return path
	}
	if c.mount == "" {
		c.mount = mountOfCgroups()
	}
	if c.mount == "-" {
		return ""
	}
	c.walks.do(func() {
		if c.paths == nil || len(c.paths) > maxPaths {
			c.paths = map[uint64]string{}
		}
		_ = filepath.WalkDir(c.mount, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil
			}
			if info, err := d.Info(); err == nil {
				c.paths[info.Sys().(*syscall.Stat_t).Ino] = "/" + strings.TrimPrefix(path[len(c.mount):], "/")
			}
			return nil
		})
	})
	return c.paths[id]
}

// mountOfCgroups returns the mount point of the tree of cgroups, "-" if none is mounted. A line of
// /proc/self/mountinfo (proc(5)) is:
//
//	41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw
func mountOfCgroups() string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "-"
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 5 && strings.Contains(line, " - cgroup2 ") && f[3] == "/" {
			return f[4]
		}
	}
	return "-"
}
