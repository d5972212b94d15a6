package netns

import (
	"cmp"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// runtimes are the runtimes by the words before the id of a container; "" for the monitor of one, which is outside it.
var runtimes = map[string]string{"docker": "docker", "cri-containerd": "containerd", "nerdctl": "nerdctl",
	"crio": "crio", "libpod": "podman", "crio-conmon": "", "libpod-conmon": ""}

// parents are the runtimes by the parent of a cgroup whose name is only an id (the cgroupfs driver).
var parents = map[string]string{"docker": "docker", "libpod_parent": "podman"}

// withID is the name of a cgroup that ends with an id of 64 digits, of which runtimes show twelve.
var withID = regexp.MustCompile(`^(?:(?:.*:)?([^:]+)[-:])?([0-9a-f]{12})[0-9a-f]{52}$`)

// container returns the name of a container by the path of its cgroup (cgroups(7)): the
// runtime and the first twelve digits of the id, as the runtimes show it. "" if the path
// belongs to no container. The known forms:
//
//	/docker/ID                                                         docker:…
//	/system.slice/docker-ID.scope                                      docker:…
//	/kubepods.slice/…/kubepods-…-podUID.slice/cri-containerd-ID.scope  containerd:…
//	/kubepods/burstable/podUID/ID                                      k8s:…
//	/kubepods.slice/…/crio-ID.scope, /crio-ID                          crio:…
//	/machine.slice/libpod-ID.scope/container, /libpod_parent/libpod-ID podman:…
//	/system.slice/containerd.service/…:cri-containerd:ID               containerd:…
//	/lxc/NAME, /lxc.payload.NAME                                       lxc:NAME
//	/machine.slice/machine-NAME.scope                                  machine:NAME
func container(path string) string {
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i > 0; i-- {
		part, parent := strings.TrimSuffix(parts[i], ".scope"), parts[i-1]
		if m := withID.FindStringSubmatch(part); m != nil {
			runtime, known := runtimes[m[1]]
			switch {
			case m[1] == "" && strings.Contains(path, "/kubepods"):
				runtime = cmp.Or(parents[parent], "k8s")
			case m[1] == "":
				runtime = cmp.Or(parents[parent], "container")
			case known && runtime == "":
				return ""
			}
			return cmp.Or(runtime, "container") + ":" + m[2]
		}
		name, lxc := strings.CutPrefix(part, "lxc.payload.")
		machine, isMachine := strings.CutPrefix(part, "machine-")
		switch {
		case (lxc || parent == "lxc") && name != "":
			return "lxc:" + name
		case isMachine && parent == "machine.slice" && machine != "":
			return "machine:" + strings.ReplaceAll(machine, `\x2d`, "-")
		}
	}
	return ""
}

// ContainerOf returns the name of a process's container. cgroup is the text of
// /proc/PID/cgroup: lines of the form 4:memory:/docker/…
func ContainerOf(cgroup string) string {
	for line := range strings.Lines(cgroup) {
		// Controllers' names hold no colon; paths may.
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) < 3 {
			continue
		}
		if name := container(f[2]); name != "" {
			return name
		}
	}
	return ""
}

// Dir is the directory of ip-netns(8)'s named network namespaces.
const Dir = "/run/netns"

// mounts reads mountinfo of proc(5) and returns the mount of each network namespace, by
// inode. If there are several, it is the one of ip-netns(8), otherwise the first:
//
//	535 26 0:4 net:[4026532281] /run/netns/blue rw shared:280 - nsfs nsfs rw
func mounts(mountinfo string) map[uint64]string {
	found := map[uint64]string{}
	for line := range strings.Lines(mountinfo) {
		if !strings.Contains(line, " net:[") {
			continue // most lines of a host with containers
		}
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		inode, ok := parseLink(f[3])
		if !ok {
			continue
		}
		at := unescape(f[4])
		if old, seen := found[inode]; !seen || ipName(old) == "" && ipName(at) != "" {
			found[inode] = at
		}
	}
	return found
}

// ipName returns the ip-netns(8) name of a mounted namespace, or "".
func ipName(at string) string {
	if dir, name := path.Split(at); dir == Dir+"/" || dir == "/var"+Dir+"/" {
		return name
	}
	return ""
}

// parseLink parses the text of /proc/PID/ns/net: net:[4026531840].
func parseLink(text string) (inode uint64, ok bool) {
	digits, begins := strings.CutPrefix(text, "net:[")
	digits, ends := strings.CutSuffix(digits, "]")
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, begins && ends && err == nil
}

// octal is how mountinfo has blanks, tabs, newlines and backslashes: \040.
var octal = regexp.MustCompile(`\\[0-3][0-7]{2}`)

func unescape(text string) string {
	return octal.ReplaceAllStringFunc(text, func(digits string) string {
		n, _ := strconv.ParseUint(digits[1:], 8, 8)
		return string([]byte{byte(n)})
	})
}
