package netns

import (
	"maps"
	"testing"
)

// TestMounts expects where namespaces are mounted, by lines as proc(5) has them and
// by lines that nobody should write.
func TestMounts(t *testing.T) {
	const text = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
26 22 0:23 / /run rw,nosuid shared:5 - tmpfs tmpfs rw
530 26 0:4 net:[4026532281] /run/netns/blue rw shared:280 - nsfs nsfs rw
531 26 0:4 net:[4026532282] /run/docker/netns/0c1d2e3f rw shared:281 - nsfs nsfs rw
532 26 0:4 net:[4026532283] /run/docker/netns/red rw shared:282 - nsfs nsfs rw
533 26 0:4 net:[4026532283] /run/netns/red rw shared:282 - nsfs nsfs rw
534 26 0:4 net:[4026532283] /run/netns/later rw shared:282 - nsfs nsfs rw
535 26 0:4 net:[4026532284] /var/run/netns/two\040words\134\012 rw - nsfs nsfs rw
536 26 0:4 mnt:[4026532285] /run/netns/mnt rw - nsfs nsfs rw
537 26 0:4 net:[] /run/netns/none rw - nsfs nsfs rw
538 26 0:4 net:[12x] /run/netns/none rw - nsfs nsfs rw
539 26 0:4 net:[99999999999999999999] /run/netns/none rw - nsfs nsfs rw
540 26 0:4 net:[4026532286
541 26 0:4 net:[4026532287] /run/netns/\0 rw - nsfs nsfs rw
542 26 0:4 net:[4026532288] /run/netns/\999 rw - nsfs nsfs rw
543 26 8:1 /tmp/ net:[4026532289] rw - ext4 /dev/sda1 rw`
	want := map[uint64]string{
		4026532281: "/run/netns/blue",
		4026532282: "/run/docker/netns/0c1d2e3f",
		4026532283: "/run/netns/red",
		4026532284: "/var/run/netns/two words\\\n",
		4026532287: `/run/netns/\0`,
		4026532288: `/run/netns/\999`,
	}
	if got := mounts(text); !maps.Equal(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

// TestIPName expects the names that ip-netns(8) lists.
func TestIPName(t *testing.T) {
	for at, want := range map[string]string{
		"/run/netns/blue": "blue", "/var/run/netns/blue": "blue", "/run/netns/": "", "/run/netns": "", "/run/netns/a/b": "",
		"/run/docker/netns/blue": "", "/proc/1/root/run/netns/blue": "", "": "",
	} {
		if got := ipName(at); got != want {
			t.Errorf("%q: %q, want %q", at, got, want)
		}
	}
}
