//go:build linux

package annotate

import (
	"os"
	"path/filepath"
	"testing"
)

// Each runtime keeps the names of containers in its own files.
func TestNamesOfContainers(t *testing.T) {
	const (
		id  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		uid = "11111111-2222-3333-4444-555555555555"
		pod = "/kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice/"
		cri = `{"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"nginx",` +
			`"io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}`
		sandbox = `{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"web-0",` +
			`"io.kubernetes.cri.sandbox-namespace":"shop"}}`
		task = "/run/containerd/io.containerd.runtime.v2.task/"
	)
	for name, c := range map[string]struct {
		path  string
		files map[string]string
		want  names
	}{
		"no container": {path: "/user.slice"},
		"no files":     {"/system.slice/docker-" + id + ".scope", nil, names{"0123456789ab", ""}},
		"lxc":          {"/lxc/box", nil, names{"box", ""}},
		"docker": {"/system.slice/docker-" + id + ".scope",
			map[string]string{"/var/lib/docker/containers/" + id + "/config.v2.json": `{"Name":"/web","ID":"x"}`},
			names{"web", ""}},
		"broken file": {"/system.slice/docker-" + id + ".scope",
			map[string]string{"/var/lib/docker/containers/" + id + "/config.v2.json": `{"Name":`},
			names{"0123456789ab", ""}},
		"podman": {"/machine.slice/libpod-" + id + ".scope",
			map[string]string{"/var/lib/containers/storage/overlay-containers/containers.json": `[{"id":"ff","names":["no"]},{"id":"` +
				id + `","names":["db"]}]`},
			names{"db", ""}},
		"nerdctl": {"/system.slice/nerdctl-" + id + ".scope",
			map[string]string{task + "default/" + id + "/config.json": `{"annotations":{"nerdctl/name":"cache"}}`},
			names{"cache", ""}},
		"containerd": {pod + "cri-containerd-" + id + ".scope",
			map[string]string{task + "k8s.io/" + id + "/config.json": cri}, names{"nginx", "shop/web-0"}},
		"sandbox": {pod + "cri-containerd-" + id + ".scope",
			map[string]string{task + "k8s.io/" + id + "/config.json": sandbox}, names{"", "shop/web-0"}},
		"crio": {pod + "crio-" + id + ".scope",
			map[string]string{"/run/containers/storage/overlay-containers/" + id + "/userdata/config.json": `{"annotations":` +
				`{"io.kubernetes.container.name":"dns","io.kubernetes.pod.name":"dns-1","io.kubernetes.pod.namespace":"kube-system"}}`},
			names{"dns", "kube-system/dns-1"}},
		"runc": {pod + "cri-containerd-" + id + ".scope",
			map[string]string{"/run/containerd/runc/k8s.io/" + id + "/state.json": `{"config":{"labels":["bundle=/b"]}}`,
				"/b/config.json": cri}, names{"nginx", "shop/web-0"}},
		"crun": {"/system.slice/libpod-" + id + ".scope",
			map[string]string{"/run/crun/" + id + "/status": `{"pid":1,"bundle":"/b"}`, "/b/config.json": cri},
			names{"nginx", "shop/web-0"}},
		"kubelet": {pod + "cri-containerd-" + id + ".scope",
			map[string]string{"/var/log/containers/web-0_shop_nginx-" + id + ".log": ""}, names{"nginx", "shop/web-0"}},
		"pod alone": {pod + "cri-containerd-" + id + ".scope",
			map[string]string{"/var/log/pods/shop_web-0_" + uid + "/nginx/0.log": ""}, names{"0123456789ab", "shop/web-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.path = "0::" + c.path
			root := t.TempDir()
			for file, text := range c.files {
				if err := os.MkdirAll(filepath.Dir(root+file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(root+file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			containers := containers{root: root}
			for range 2 { // the second time from memory
				if got, _ := containers.of(c.path); got != c.want {
					t.Errorf("%+v, want %+v", got, c.want)
				}
			}
		})
	}
}
