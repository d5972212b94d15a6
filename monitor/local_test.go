package monitor

import "testing"

func TestLocalText(t *testing.T) {
	for _, c := range []struct {
		local      Local
		text, name string
	}{
		{Local{Process: "curl", PID: 4711, UID: 1000, User: "ann", Match: MatchExact}, "curl[4711] of ann", "curl"},
		{Local{Process: "nginx", PID: 7, User: "root", Container: "web", Pod: "shop/web-0", Match: MatchListener},
			"nginx[7] of root in web, pod shop/web-0 (by listener)", "nginx"},
		{Local{Container: "web", Match: MatchAddress}, "container web (by address)", "web"},
		{Local{Pod: "shop/web-0", Match: MatchAddress}, "pod shop/web-0 (by address)", "shop/web-0"},
		{Local{User: "ann", Match: MatchExact}, "user ann", ""},
		{Local{User: "ann", Container: "web", Match: MatchExact}, "user ann in web", "web"},
		{Local{Process: "nginx", PID: 7, Container: "web", Match: MatchExact}, "nginx[7] in web", "nginx"},
	} {
		if got := c.local.String(); got != c.text {
			t.Errorf("%q, want %q", got, c.text)
		}
		if got := c.local.Name(); got != c.name {
			t.Errorf("%q, want %q", got, c.name)
		}
	}
	for m := MatchExact; m <= MatchAddress; m++ {
		if got, ok := MatchByName(m.String()); !ok || got != m {
			t.Errorf("%v is read as %v", m, got)
		}
	}
}
