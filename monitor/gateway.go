package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Gateway is the name of a host whose lines share a log with those of others, and its labels in their order:
// "fra1-a,rack=7,site=fra1". "" is no name. Its characters need no escape.
type Gateway string

var gatewayForm = regexp.MustCompile(`^[\w.:-]+(,[\w.:-]+=[\w.:-]+)*$`)

// maxGateway is the maximum length of a name with its labels.
const maxGateway = 1000

// ParseGateway reads a name and labels in any order.
func ParseGateway(text string) (Gateway, error) {
	if len(text) > maxGateway || !gatewayForm.MatchString(text) {
		return "", errors.New("must be a name, and labels after commas, of letters, digits and . : _ -, such as " +
			"fra1-a,site=fra1")
	}
	words := strings.Split(text, ",")
	slices.Sort(words[1:])
	for i := 2; i < len(words); i++ {
		if key, _, _ := strings.Cut(words[i], "="); strings.HasPrefix(words[i-1], key+"=") {
			return "", fmt.Errorf("has the label %s twice", key)
		}
	}
	return Gateway(strings.Join(words, ",")), nil
}

// Name returns the name without the labels.
func (g Gateway) Name() string {
	name, _, _ := strings.Cut(string(g), ",")
	return name
}

// AppendJSON appends {"name":"fra1-a","labels":{"rack":"7","site":"fra1"}}.
func (g Gateway) AppendJSON(b []byte) []byte {
	name, labels, more := strings.Cut(string(g), ",")
	b = append(append(b, `{"name":"`...), name...)
	end := `"}`
	for begin := `","labels":{"`; more; begin, end = `","`, `"}}` {
		var label string
		label, labels, more = strings.Cut(labels, ",")
		key, value, _ := strings.Cut(label, "=")
		b = append(append(append(append(b, begin...), key...), `":"`...), value...)
	}
	return append(b, end...)
}

// MarshalJSON implements json.Marshaler.
func (g Gateway) MarshalJSON() ([]byte, error) { return g.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON writes.
func (g *Gateway) UnmarshalJSON(data []byte) error {
	var o struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	}
	err := json.Unmarshal(data, &o)
	if err == nil {
		for key, value := range o.Labels {
			o.Name += "," + key + "=" + value
		}
		*g, err = ParseGateway(o.Name)
	}
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}
