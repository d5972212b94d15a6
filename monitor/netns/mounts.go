package netns

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

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
	digits, ok := strings.CutPrefix(text, "net:[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, ok && err == nil
}

// octal is how mountinfo has blanks, tabs, newlines and backslashes: \040.
var octal = regexp.MustCompile(`\\[0-3][0-7]{2}`)

func unescape(text string) string {
	return octal.ReplaceAllStringFunc(text, func(digits string) string {
		n, _ := strconv.ParseUint(digits[1:], 8, 8)
		return string([]byte{byte(n)})
	})
}
