package netns

import "strings"

// runtimes maps the prefix of a scope's name, before the container's id, to the runtime.
var runtimes = map[string]string{
	"docker":         "docker",
	"cri-containerd": "containerd",
	"nerdctl":        "nerdctl",
	"crio":           "crio",
	"libpod":         "podman",
}

// parents maps the parent of a cgroup whose name is only an id to the runtime (the
// cgroupfs driver).
var parents = map[string]string{
	"docker":        "docker",
	"libpod_parent": "podman",
}

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
		part, before := strings.TrimSuffix(parts[i], ".scope"), parts[i-1]
		if at := strings.LastIndexAny(part, "-:"); at > 0 && isID(part[at+1:]) {
			name := part[:at]
			name = name[strings.LastIndexByte(name, ':')+1:]
			if r, ok := runtimes[name]; ok {
				return r + ":" + part[at+1:][:shortID]
			}
			if name == "crio-conmon" || name == "libpod-conmon" {
				return "" // the monitor of a container is outside it
			}
			return "container:" + part[at+1:][:shortID]
		}
		switch {
		case isID(part):
			return idRuntime(before, path) + ":" + part[:shortID]
		case strings.HasPrefix(part, "lxc.payload.") && len(part) > len("lxc.payload."):
			return "lxc:" + part[len("lxc.payload."):]
		case before == "lxc" && part != "":
			return "lxc:" + part
		case before == "machine.slice" && strings.HasPrefix(part, "machine-") && len(part) > len("machine-"):
			return "machine:" + strings.ReplaceAll(part[len("machine-"):], `\x2d`, "-")
		}
	}
	return ""
}

// idRuntime returns the runtime of a cgroup whose name is only an id.
func idRuntime(parent, path string) string {
	if r, ok := parents[parent]; ok {
		return r
	}
	if strings.Contains(path, "/kubepods") {
		return "k8s"
	}
	return "container"
}

const (
	fullID  = 64 // digits of an id
	shortID = 12 // digits that runtimes show
)

// isID reports whether a word is the id of a container.
func isID(word string) bool {
	if len(word) != fullID {
		return false
	}
	for _, c := range []byte(word) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// containerOf returns the name of a process's container. cgroup is the text of
// /proc/PID/cgroup: lines of the form 4:memory:/docker/…
func containerOf(cgroup string) string {
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
