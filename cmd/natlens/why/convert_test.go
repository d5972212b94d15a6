//go:build linux

package why

import (
	"testing"

	"natlens/monitor/trace"
)

// TestConvertNamesTheHook names the hook of a rule in a chain that has none of its own, because
// a rule of a base chain jumped to it.
func TestConvertNamesTheHook(t *testing.T) {
	chain := trace.Chain{Family: "inet", Table: "fw", Name: "web"}
	got := convert(&trace.Packet{Steps: []trace.Step{
		{Kind: trace.Rule, Chain: chain, Hook: "forward", Handle: 9, Verdict: "drop"},
	}})
	if got.Dropped == nil || got.Dropped.Hook != "forward" || got.Dropped.Handle != 9 {
		t.Errorf("dropped by %+v", got.Dropped)
	}
}
