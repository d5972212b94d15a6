//go:build linux

package annotate

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"natlens/monitor/netns"
)

// names are the names of a container and its pod, NAMESPACE/POD. Both are empty outside a
// container. The sandbox of a pod has only the pod.
type names struct{ container, pod string }

// containers finds the names of containers in files of the host. The zero value is ready to
// use.
type containers struct {
	root string // put before all paths; for tests

	mu    sync.Mutex
	known map[string]names // by runtime and id, and pod
}

// maxName is the maximum length of a name in bytes. Longer ones are cut, so that they can be
// stored.
const maxName = 512

// maxContainers is the maximum number of remembered containers.
const maxContainers = 1 << 14

// ofProcess returns the container of a process, the zero value if it is in none or is gone.
func (c *containers) ofProcess(pid int) names {
	text, err := os.ReadFile(c.root + "/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return names{}
	}
	n, _ := c.of(string(text))
	return n
}

// podUID is the part of a cgroup's path that names a pod. systemd writes "_" for "-".
var podUID = regexp.MustCompile(`pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})`)

// of returns the container of a text in the format of /proc/PID/cgroup. ok is false if it is in
// none. It reads the files of a container once.
func (c *containers) of(cgroup string) (n names, ok bool) {
	container := netns.ContainerOf(cgroup)
	if container == "" {
		return n, false
	}
	uid := ""
	if m := podUID.FindStringSubmatch(cgroup); m != nil {
		uid = strings.ReplaceAll(m[1], "_", "-")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := container + " " + uid
	if n, ok = c.known[key]; ok {
		return n, true
	}
	if c.known == nil || len(c.known) >= maxContainers {
		c.known = map[string]names{}
	}
	n = c.read(container, uid)
	n.container, n.pod = n.container[:min(len(n.container), maxName)], n.pod[:min(len(n.pod), maxName)]
	c.known[key] = n
	return n, true
}

// read reads the names of a container from the files of its runtime. container is runtime:id;
// the id has twelve digits or is a name. Without any file the container's name is its id.
func (c *containers) read(container, uid string) (n names) {
	runtime, id, _ := strings.Cut(container, ":")
	if runtime == "lxc" || runtime == "machine" {
		return names{container: id}
	}
	n, sandbox := c.annotations(id)
	if n == (names{}) {
		n = c.kubelet(id)
	}
	n.pod = cmp.Or(n.pod, c.podOf(uid))
	if !sandbox {
		n.container = cmp.Or(n.container, c.docker(id), c.podman(id), id)
	}
	return n
}

// bundles are the files with the annotations of an OCI container (config.json of the runtime
// specification): of containerd, and of CRI-O and Podman.
var bundles = []string{"/run/containerd/io.containerd.runtime.v2.task/*/ID*/config.json",
	"/run/containers/storage/overlay-containers/ID*/userdata/config.json"}

// states are the files of OCI runtimes that name the bundle: of runc and of crun.
var states = []string{"/run/runc/ID*/state.json", "/run/containerd/runc/*/ID*/state.json",
	"/run/docker/runtime-runc/moby/ID*/state.json", "/run/crun/ID*/status"}

// annotations returns the names in the OCI configuration of a container. sandbox is true for
// the container that has the network namespace of a pod.
func (c *containers) annotations(id string) (n names, sandbox bool) {
	files := c.glob(id, bundles...)
	for _, state := range c.glob(id, states...) {
		var s struct {
			Bundle string                    // crun
			Config struct{ Labels []string } // runc
		}
		if !readJSON(state, &s) {
			continue
		}
		for _, l := range s.Config.Labels {
			if at, ok := strings.CutPrefix(l, "bundle="); ok {
				s.Bundle = at
			}
		}
		if s.Bundle != "" {
			files = append(files, c.root+s.Bundle+"/config.json")
		}
	}
	for _, file := range files {
		var config struct{ Annotations map[string]string }
		if !readJSON(file, &config) {
			continue
		}
		a := config.Annotations
		kind := cmp.Or(a["io.kubernetes.cri.container-type"], a["io.kubernetes.cri-o.ContainerType"])
		n.container = cmp.Or(a["io.kubernetes.cri.container-name"], a["io.kubernetes.container.name"],
			a["nerdctl/name"])
		space := cmp.Or(a["io.kubernetes.cri.sandbox-namespace"], a["io.kubernetes.pod.namespace"])
		if pod := cmp.Or(a["io.kubernetes.cri.sandbox-name"], a["io.kubernetes.pod.name"]); pod != "" {
			n.pod = space + "/" + pod
		}
		if kind == "sandbox" {
			return names{pod: n.pod}, true
		}
		if n != (names{}) {
			return n, false
		}
	}
	return n, false
}

// kubelet returns the names in the link that kubelet makes for the log of a container:
// POD_NAMESPACE_CONTAINER-ID.log.
func (c *containers) kubelet(id string) (n names) {
	for _, file := range c.glob(id, "/var/log/containers/*-ID*.log") {
		part := strings.Split(filepath.Base(file), "_")
		if len(part) == 3 {
			return names{part[2][:strings.LastIndex(part[2], "-"+id)], part[1] + "/" + part[0]}
		}
	}
	return n
}

// podOf returns the pod with an id, by the directory of its logs, NAMESPACE_POD_UID; "" if no
// such directory exists.
func (c *containers) podOf(uid string) string {
	if uid == "" {
		return ""
	}
	for _, dir := range c.glob(uid, "/var/log/pods/*_ID") {
		if part := strings.Split(filepath.Base(dir), "_"); len(part) == 3 {
			return part[0] + "/" + part[1]
		}
	}
	return ""
}

func (c *containers) docker(id string) string {
	for _, file := range c.glob(id, "/var/lib/docker/containers/ID*/config.v2.json") {
		var config struct{ Name string }
		if readJSON(file, &config) {
			return strings.TrimPrefix(config.Name, "/")
		}
	}
	return ""
}

func (c *containers) podman(id string) string {
	var all []struct {
		ID    string
		Names []string
	}
	if readJSON(c.root+"/var/lib/containers/storage/overlay-containers/containers.json", &all) {
		for _, one := range all {
			if strings.HasPrefix(one.ID, id) && len(one.Names) > 0 {
				return one.Names[0]
			}
		}
	}
	return ""
}

// glob returns the files that match one of the patterns, with id in place of ID.
func (c *containers) glob(id string, patterns ...string) (files []string) {
	for _, p := range patterns {
		found, _ := filepath.Glob(c.root + strings.Replace(p, "ID", id, 1))
		files = slices.Concat(files, found)
	}
	return files
}

// maxJSON is the maximum size in bytes of a file that readJSON reads.
const maxJSON = 4 << 20

// readJSON decodes a file. It returns false if the file can't be read or decoded, is not a
// regular file, or is larger than maxJSON.
func readJSON(path string, to any) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxJSON {
		return false
	}
	text, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(text, to) == nil
}

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
