package monitor

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestGateway(t *testing.T) {
	for text, want := range map[string]string{ // JSON, or what an error contains
		"a":                       `{"name":"a"}`,
		"fra1-a,site=fra1":        `{"name":"fra1-a","labels":{"site":"fra1"}}`,
		"fra1-a,site=fra1,rack=7": `{"name":"fra1-a","labels":{"rack":"7","site":"fra1"}}`,
		"2001:db8::1,v=1.2_b":     `{"name":"2001:db8::1","labels":{"v":"1.2_b"}}`,
		"":                        "must be a name",
		"a,":                      "must be a name",
		"a,b":                     "must be a name",
		"a,b=":                    "must be a name",
		"a b":                     "must be a name",
		"a\n":                     "must be a name",
		"ä":                       "must be a name",
		"a,b=1,b=2":               "has the label b twice",
		strings.Repeat("a", 1001): "must be a name",
	} {
		g, err := ParseGateway(text)
		got, _ := json.Marshal(g)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if string(got) != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// FuzzGateway expects what is accepted to be the same after a way through JSON, and JSON that is not from a gateway to
// be an error or a gateway.
func FuzzGateway(f *testing.F) {
	for _, text := range []string{"a", "fra1-a,site=fra1,rack=7", `{"name":"a","labels":{"b":"c"}}`, `{"name":"a,b=c"}`, "{}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGateway(text)
		if err != nil && json.Unmarshal([]byte(text), &g) != nil {
			return
		}
		data, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		var again Gateway
		if err := json.Unmarshal(data, &again); err != nil || again != g {
			t.Errorf("%q is %s, and then %q: %v", g, data, again, err)
		}
		if parsed, err := ParseGateway(string(g)); parsed != g || err != nil {
			t.Errorf("%q is not its own form: %q, %v", g, parsed, err)
		}
	})
}
