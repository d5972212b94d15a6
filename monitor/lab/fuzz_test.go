//go:build linux

package lab

import (
	"net/netip"
	"testing"
)

// FuzzAnswerSCTP expects an answer, if there is one, to go back to the sender's port.
func FuzzAnswerSCTP(f *testing.F) {
	for _, x := range sctpDialogue {
		f.Add(sctpPacket(5000, 3868, sctpServerTag, x.client))
	}
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := answerSCTP(b); out != nil &&
			(len(out) < 16 || string(out[:2]) != string(b[2:4]) || string(out[2:4]) != string(b[:2])) {
			t.Fatalf("answer %x to %x", out, b)
		}
	})
}

// FuzzParseFTPAddress expects each parsed address to be written in the same way.
func FuzzParseFTPAddress(f *testing.F) {
	f.Add("192,168,77,2,4,1")
	f.Add("entering passive mode (203,0,113,9,255,255)")
	f.Add("1,2,3,4,5")
	f.Add("1,2,3,4,5,256")
	f.Fuzz(func(t *testing.T, line string) {
		at, err := parseFTPAddress(line)
		if err != nil {
			return
		}
		if again, err := parseFTPAddress(ftpAddress(at)); err != nil || again != at {
			t.Errorf("%q is %s, then %s, %v", line, at, again, err)
		}
	})
}

func TestParseFTPAddress(t *testing.T) {
	t.Parallel()
	got, err := parseFTPAddress("entering passive mode (203,0,113,9,4,1)")
	if want := netip.MustParseAddrPort("203.0.113.9:1025"); err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
