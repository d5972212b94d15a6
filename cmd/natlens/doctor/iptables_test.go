//go:build linux

package doctor

import (
	"path/filepath"
	"strings"
	"testing"

	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestIptables turns connection tracking on by rules of iptables, as most
// gateways do, and expects doctor to say which one does, and that none does when it
// is gone.
func TestIptables(t *testing.T) {
	for _, c := range []struct {
		add, remove, family, rule string
	}{
		{"iptables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE", "iptables-nft -t nat -D POSTROUTING 1",
			"ipv4", "ip nat POSTROUTING: xt MASQUERADE"},
		{"ip6tables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "ip6tables-nft -D FORWARD 1",
			"ipv6", "ip6 filter FORWARD: xt conntrack"},
	} {
		t.Run(c.add, func(t *testing.T) {
			l := labtest.NewWith(t, lab.Config{})
			labtest.FlushRules(t, l)
			hook := func(level, by string) {
				t.Helper()
				got := diagnose(t, l.Gateway).Check(t, "hook")
				if got.Level != level || jsonText(got.Evidence["by"]) != by || got.Evidence[c.family] != (level == "ok") {
					t.Errorf("wanted %s: %s; got %+v", level, by, got)
				}
			}
			hook("fail", "null")
			labtest.Shell(t, l, c.add)
			hook("ok", `["`+c.rule+`"]`)
			if strings.HasPrefix(c.add, "iptables") {
				labtest.FlowsUDP(t, l, 3)
				if n := entries(t, l.Gateway); n != "3" {
					t.Errorf("%s flows are tracked", n)
				}
				labtest.ForgetFlows(t, l)
			}
			labtest.Shell(t, l, c.remove)
			hook("fail", "null")
		})
	}
}

// TestIptablesLegacy does so by iptables-legacy, whose rules can't be read:
// its tables make tracking likely, flows make it certain, and the command that doctor
// gives does not depend on them.
func TestIptablesLegacy(t *testing.T) {
	// Its lock is root's.
	t.Setenv("XTABLES_LOCKFILE", filepath.Join(t.TempDir(), "lock"))
	l := labtest.NewWith(t, lab.Config{})
	labtest.FlushRules(t, l)
	if got := diagnose(t, l.Gateway).Check(t, "hook"); got.Level != "fail" && got.Evidence["legacy"] == nil {
		t.Errorf("before: %+v", got)
	}
	labtest.Shell(t, l, "iptables-legacy -t nat -A POSTROUTING -o wan -j MASQUERADE")
	got := diagnose(t, l.Gateway).Check(t, "hook")
	golden.Words(t, "legacy", got.Text)
	if got.Level != "warn" || jsonText(got.Evidence["legacy"]) != `["iptables nat"]` {
		t.Errorf("without flows: %+v", got)
	}
	labtest.FlowsUDP(t, l, 3)
	if with := diagnose(t, l.Gateway).Check(t, "hook"); with.Level != "ok" || with.Text != got.Text ||
		with.Command != "" {
		t.Errorf("with flows: %+v", with)
	}
	// The table stays when its rules are gone, and says as much as before.
	labtest.Shell(t, l, "iptables-legacy -t nat -F")
	labtest.ForgetFlows(t, l)
	if again := diagnose(t, l.Gateway).Check(t, "hook"); again.Level != "warn" || again.Text != got.Text {
		t.Errorf("without rules: %+v", again)
	}
	labtest.Shell(t, l, got.Command)
	if mended := diagnose(t, l.Gateway).Check(t, "hook"); mended.Level != "ok" ||
		jsonText(mended.Evidence["by"]) != `["inet tracking on: ct"]` {
		t.Errorf("after %s: %+v", got.Command, mended)
	}
}
