package netns

import (
	"strings"
	"testing"
)

// An id as runtimes make it, and what of it is shown.
const (
	id    = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	other = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

// TestContainer expects the name of the container by the paths that runtimes make,
// under both cgroup drivers.
func TestContainer(t *testing.T) {
	const burstable = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5f3e_1b2c.slice"
	for _, c := range []struct{ path, want string }{
		{"/docker/ID", "docker:0123456789ab"},
		{"/system.slice/docker-ID.scope", "docker:0123456789ab"},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope", "docker:0123456789ab"},
		{"/docker/OTHER/docker/ID", "docker:0123456789ab"},
		{"/docker/ID/init.scope", "docker:0123456789ab"},
		{"/docker/buildkit/ID", "container:0123456789ab"},
		{"/system.slice/nerdctl-ID.scope", "nerdctl:0123456789ab"},

		{burstable + "/cri-containerd-ID.scope", "containerd:0123456789ab"},
		{"/system.slice/containerd.service/kubepods-burstable-pod5f3e_1b2c.slice:cri-containerd:ID", "containerd:0123456789ab"},
		{burstable + "/docker-ID.scope", "docker:0123456789ab"},
		{burstable + "/crio-ID.scope", "crio:0123456789ab"},
		{burstable + "/crio-ID.scope/container", "crio:0123456789ab"},
		{burstable + "/crio-conmon-ID.scope", ""},
		{"/kubepods/burstable/pod5f3e-1b2c/ID", "k8s:0123456789ab"},
		{"/kubepods/pod5f3e-1b2c/ID", "k8s:0123456789ab"},
		{"/kubepods/besteffort/pod5f3e-1b2c/crio-ID", "crio:0123456789ab"},
		{"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod5f3e.slice/cri-containerd-ID.scope", "containerd:0123456789ab"},
		{burstable, ""},

		{"/machine.slice/libpod-ID.scope", "podman:0123456789ab"},
		{"/machine.slice/libpod-ID.scope/container", "podman:0123456789ab"},
		{"/machine.slice/machine-libpod_pod_OTHER.slice/libpod-ID.scope", "podman:0123456789ab"},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container", "podman:0123456789ab"},
		{"/libpod_parent/libpod-ID", "podman:0123456789ab"},
		{"/machine.slice/libpod-conmon-ID.scope", ""},

		{"/lxc/web", "lxc:web"},
		{"/lxc.payload.web", "lxc:web"},
		{"/lxc.payload.web/system.slice/nginx.service", "lxc:web"},
		{"/lxc.monitor.web", ""},
		{`/machine.slice/machine-debian\x2d12.scope/payload`, "machine:debian-12"},

		{"", ""},
		{"/", ""},
		{"//", ""},
		{"ID", ""},
		{"/lxc/", ""},
		{"/lxc.payload.", ""},
		{"/machine.slice/machine-.scope", ""},
		{"/user.slice/user-1000.slice/session-3.scope", ""},
		{"/system.slice/ssh.service", ""},
		{"/docker/" + id[1:], ""},
		{"/docker/" + id + "0", ""},
		{"/docker/" + strings.ToUpper(id), ""},
		{"/docker/" + strings.Repeat("g", 64), ""},
		{"/docker/" + strings.Repeat("é", 32), ""},
		{"/-ID", ""},
		{"/evil\x1b[31m-ID.scope", "container:0123456789ab"},
		{"/:ID", ""},
	} {
		path := strings.NewReplacer("ID", id, "OTHER", other).Replace(c.path)
		if got := container(path); got != c.want {
			t.Errorf("%q: %q, want %q", c.path, got, c.want)
		}
	}
}

// TestContainerOf expects the container by whole files of proc(5), of cgroup v1, of
// v2 and of both at once.
func TestContainerOf(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"v1", "12:devices:/docker/ID\n11:memory:/docker/ID\n1:name=systemd:/docker/ID\n", "docker:0123456789ab"},
		{"v2", "0::/system.slice/docker-ID.scope\n", "docker:0123456789ab"},
		{"both", "1:name=systemd:/\n0::/kubepods.slice/kubepods-podx.slice/cri-containerd-ID.scope\n", "containerd:0123456789ab"},
		{"one controller", "4:cpu,cpuacct:/user.slice\n3:memory:/kubepods/podx/ID\n0::/\n", "k8s:0123456789ab"},
		{"colons", "0::/system.slice/containerd.service/kubepods-podx.slice:cri-containerd:ID\n", "containerd:0123456789ab"},
		{"no newline", "0::/docker/ID", "docker:0123456789ab"},
		{"a cgroup namespace of its own", "0::/\n", ""},
		{"none", "", ""},
		{"no cgroups", "docker/ID\n0:/docker/ID\n\n:::\n", ""},
	} {
		if got := ContainerOf(strings.ReplaceAll(c.file, "ID", id)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
