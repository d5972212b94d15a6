package filter

import (
	"testing"

	"natlens/monitor"
)

// A gateway is asked for by name, also of namespaces of it, and of events without one by the name of this host.
func TestGateway(t *testing.T) {
	env := Env{Namespaces: new(monitor.Namespaces), Gateway: "own,site=b"}
	a, _ := env.Namespaces.Named(monitor.Namespace{Gateway: "a,site=x"})
	blue, _ := env.Namespaces.Named(monitor.Namespace{Gateway: "a,site=x", Name: "blue"})
	plain, _ := env.Namespaces.Named(monitor.Namespace{Name: "blue"})
	for text, want := range map[string][4]bool{ // of events of no namespace, a, blue of a, blue
		"gateway a": {false, true, true, false}, "gateway own": {true, false, false, true},
		"gateway != a": {true, false, false, true}, "gateway {a,own}": {true, true, true, true},
		"netns a": {false, true, false, false}, "netns a/blue": {false, false, true, false},
		"netns blue": {false, false, false, true},
	} {
		x, err := env.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if pushed, _ := Split(x, true); pushed != Const(true) {
			t.Errorf("%s: %v goes to the kernel", text, pushed)
		}
		f := Compile(x, env)
		for i, id := range []monitor.NetNS{0, a, blue, plain} {
			var e monitor.Event
			if e.SetNetNS(id); f(&e) != want[i] {
				t.Errorf("%s selects event %d: %t", text, i, !want[i])
			}
		}
	}
}

// Namespaces are asked for by name, which may come while the filter runs.
func TestNetNS(t *testing.T) {
	names := new(monitor.Namespaces)
	env := Env{Namespaces: names}
	blue, _ := names.Add(monitor.Namespace{Name: "blue"})
	box, _ := names.Add(monitor.Namespace{Name: "pid:7"})
	filters := map[string]monitor.Filter{}
	for _, text := range []string{"netns blue", "netns != blue", "netns {blue,docker:0123456789ab}", `netns "pid:7"`, "not netns blue"} {
		e, err := env.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if pushed, _ := Split(e, true); pushed != Const(true) {
			t.Errorf("%s: %v goes to the kernel", text, pushed)
		}
		filters[text] = Compile(e, env)
	}
	check := func(id monitor.NetNS, want map[string]bool) {
		t.Helper()
		var ev monitor.Event
		ev.SetNetNS(id)
		for text, f := range filters {
			if f(&ev) != want[text] {
				t.Errorf("namespace %d: %s is %v", id, text, !want[text])
			}
		}
	}
	check(0, map[string]bool{"netns != blue": true, "not netns blue": true})
	check(blue, map[string]bool{"netns blue": true, "netns {blue,docker:0123456789ab}": true})
	check(box, map[string]bool{`netns "pid:7"`: true, "netns != blue": true, "not netns blue": true})
	names.Rename(box, "docker:0123456789ab")
	check(box, map[string]bool{"netns {blue,docker:0123456789ab}": true, "netns != blue": true, "not netns blue": true})

	var offered []string
	for _, c := range env.Complete("netns ", 6) {
		if c.Kind == CandidateValue {
			offered = append(offered, c.Text)
		}
	}
	if len(offered) != 2 || offered[0] != "blue" || offered[1] != "docker:0123456789ab" {
		t.Errorf("offered %q", offered)
	}
}
