package pcapng

import (
	"bytes"
	"encoding/json"
	"net/netip"

	"natlens/monitor"
)

// parseLocals reads the host's addresses from a comment:
// {"v":1,"locals":["192.0.2.1",…]}. It returns false for any other comment.
func parseLocals(text []byte) (*monitor.Locals, bool) {
	var c struct {
		V      int
		Locals *[]netip.Addr
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&c) != nil || d.More() || c.V != 1 || c.Locals == nil {
		return nil, false
	}
	return monitor.NewLocals(*c.Locals), true
}
