//go:build linux

package why

import (
	"bytes"
	"encoding/json"
	"fmt"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/why"
)

// text returns the verdict in the format of -o: pretty or json.
func (o *options) text(v *why.Verdict) []byte {
	if o.format == "json" {
		return jsonText(v)
	}
	b := line(nil, "%s", v.Sentence)
	if v.Remedy != "" {
		b = line(b, "→ %s", v.Remedy)
	}
	for _, e := range v.Evidence {
		b = line(b, "  %s", e)
	}
	if o.con.ASCII() {
		b = text.ASCII(b)
	}
	return b
}

// line appends a line. It escapes what is not printable, because the text of rules may contain
// any bytes.
func line(b []byte, format string, args ...any) []byte {
	return append(monitor.AppendMessage(b, fmt.Appendf(nil, format, args...)), '\n')
}

// jsonText returns the verdict as the JSON object that docs/why.md describes.
func jsonText(v *why.Verdict) []byte {
	out := struct {
		V int `json:"v"`
		*why.Verdict
	}{1, v}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // commands contain < and &
	if err := enc.Encode(out); err != nil {
		panic(err) // strings always encode
	}
	return monitor.EscapeJSON(b.Bytes())
}
