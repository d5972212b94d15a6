package findings

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"natlens/export/jsonl"
	"natlens/monitor"
)

// lineSchema is the schema that is published for lines of JSON.
var lineSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c.Compile("../../docs/event.schema.json")
})

// checkLine holds the line of a finding to the schema.
func checkLine(t *testing.T, f *monitor.Finding) {
	t.Helper()
	schema, err := lineSchema()
	if err != nil {
		t.Fatal(err)
	}
	var line bytes.Buffer
	if err := jsonl.NewWriter(&line).Finding(f); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line.Bytes()))
	if err != nil {
		t.Fatalf("%s: %v", line.Bytes(), err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v", line.Bytes(), err)
	}
	if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.ID == f.Rule }) {
		t.Errorf("%s is no rule", f.Rule)
	}
}
