//go:build linux

package annotate

import (
	"testing"

	"natlens/monitor"
)

// A socket that does not have the local port is no match, whatever else the kernel answers.
func FuzzReadAnswer(f *testing.F) {
	to := monitor.Endpoint{Port: 443}
	from := monitor.Endpoint{Port: 40000}
	flow := &monitor.Flow{Path: monitor.PathOut, Orig: monitor.Tuple{Proto: monitor.TCP, Family: monitor.IPv4}}
	b := make([]byte, answerSize)
	b[1] = 1
	b[answerSockID], b[answerSockID+1] = 40000>>8, 40000&0xff
	b[answerSockID+2], b[answerSockID+3] = 443>>8, 443&0xff
	f.Add(append(b, 12, 0, attrCgroupID, 0, 25, 0, 0, 0, 0, 0, 0, 0))
	f.Add(b[:answerSize-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		s := readAnswer(b, flow, from, to)
		if s.match != monitor.MatchNone && (b[answerSockID] != 40000>>8 || b[answerSockID+1] != 40000&0xff) {
			t.Errorf("%+v of % x", s, b)
		}
	})
}
