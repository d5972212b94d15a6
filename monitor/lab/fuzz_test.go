//go:build linux

package lab

import (
	"net/netip"
	"testing"
)

// FuzzAnswerSCTP: whatever arrives is answered with a packet that parses, or
// not at all.
func FuzzAnswerSCTP(f *testing.F) {
	f.Add(sctpPacket(5000, 3868, 0, chunk(chunkInit, 0, initBody(7))))
	f.Add(sctpPacket(5000, 3868, serverTag(7), chunk(chunkCookieEcho, 0, []byte("lab!"))))
	f.Add(sctpPacket(5000, 3868, serverTag(7), chunk(chunkInit, 0, []byte{1})))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := answerSCTP(b)
		if out == nil {
			return
		}
		p, ok := parseSCTP(out)
		if !ok {
			t.Fatalf("answer %x", out)
		}
		if p.chunk != chunkInitAck {
			return
		}
		if cookie, err := cookieOf(p.body); err != nil || string(cookie) != "lab!" {
			t.Errorf("cookie %q, %v", cookie, err)
		}
	})
}

func FuzzCookieOf(f *testing.F) {
	f.Add(initBody(1))
	f.Add(append(initBody(1), 0, 7, 0, 8, 1, 2, 3, 4))
	f.Add(append(initBody(1), 0, 1, 0, 5, 9))
	f.Fuzz(func(t *testing.T, b []byte) {
		if cookie, err := cookieOf(b); err == nil && len(cookie) > len(b)-20 {
			t.Errorf("cookie of %d bytes in %d", len(cookie), len(b))
		}
	})
}

// FuzzParseFTPAddress: what parses is written the same way again.
func FuzzParseFTPAddress(f *testing.F) {
	f.Add("192,168,77,2,4,1")
	f.Add("227 entering passive mode (203,0,113,9,255,255)\r\n")
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
	got, err := parseFTPAddress("227 entering passive mode (203,0,113,9,4,1)\r\n")
	if want := netip.MustParseAddrPort("203.0.113.9:1025"); err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
