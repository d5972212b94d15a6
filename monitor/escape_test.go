package monitor

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"clean", "ftp", "ftp"},
		{"security context", "system_u:object_r:unlabeled_t:s0", "system_u:object_r:unlabeled_t:s0"},
		{"letters of all countries", "Grüße 世界 😀", "Grüße 世界 😀"},
		{"line ends", "a\nb\rc\td", `a\nb\rc\td`},
		{"terminal", "\x1b[2Jx\x07", `\x1b[2Jx\x07`},
		{"zero and delete", "a\x00b\x7f", `a\x00b\x7f`},
		{"C1", "a\u0085b\u009bc", `a\u0085b\u009bc`},
		{"directions", "\u061c\u200e\u200f\u202a\u202e\u2066\u2069", `\u061c\u200e\u200f\u202a\u202e\u2066\u2069`},
		{"separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{
			"neighbours stay",
			"\u061b\u061d\u200d\u2010\u2027\u202f\u2065\u206a\u00a0",
			"\u061b\u061d\u200d\u2010\u2027\u202f\u2065\u206a\u00a0",
		},
		{"not UTF-8", "a\xff\xc3(\xed\xa0\x80", `a\xff\xc3(\xed\xa0\x80`},
		{"the replacement character itself", "a\ufffdb", "a\ufffdb"},
		{"backslash", `a\x1b`, `a\\x1b`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Escape(tt.in); got != tt.want {
				t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if got := string(AppendEscaped([]byte("x="), []byte(tt.in))); got != "x="+tt.want {
				t.Errorf("AppendEscaped(%q) = %q, want %q", tt.in, got, "x="+tt.want)
			}
		})
	}
}

func TestEscapeAllocates(t *testing.T) {
	buf, hostile := make([]byte, 0, 64), []byte("\x1b\u202e\xff")
	if n := testing.AllocsPerRun(100, func() {
		buf = AppendEscaped(buf[:0], hostile)
		if Escape("clean") != "clean" {
			t.Error("clean text was changed")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzEscape holds the escaper to its promises: what comes out is UTF-8 without
// an unsafe character, and it can be turned back into what went in.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "ftp", "a\nb", "\x1b]0;x\x07", "\u202e\u2066", "\xff\xfe", `\`, `\\n`, "\ufffd\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := Escape(in)
		if !utf8.ValidString(out) {
			t.Fatalf("%q became %q, which is not UTF-8", in, out)
		}
		if i := strings.IndexFunc(out, Unsafe); i >= 0 {
			t.Fatalf("%q became %q: unsafe at %d", in, out, i)
		}
		if back := unescape(t, out); back != in {
			t.Fatalf("%q became %q, which means %q", in, out, back)
		}
	})
}

// unescape is the way back that AppendEscaped's contract describes.
func unescape(t *testing.T, s string) string {
	var out []byte
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			out, i = append(out, s[i]), i+1
			continue
		}
		switch s[i+1] {
		case '\\':
			out, i = append(out, '\\'), i+2
		case 'n':
			out, i = append(out, '\n'), i+2
		case 'r':
			out, i = append(out, '\r'), i+2
		case 't':
			out, i = append(out, '\t'), i+2
		case 'x':
			out, i = append(out, byte(hexValue(t, s[i+2:i+4]))), i+4
		case 'u':
			out, i = utf8.AppendRune(out, rune(hexValue(t, s[i+2:i+6]))), i+6
		default:
			t.Fatalf("%q: unknown escape at %d", s, i)
		}
	}
	return string(out)
}

func hexValue(t *testing.T, s string) (v int) {
	for _, c := range s {
		d := strings.IndexRune("0123456789abcdef", c)
		if d < 0 {
			t.Fatalf("%q is not a hex number", s)
		}
		v = v<<4 | d
	}
	return v
}

func BenchmarkAppendEscaped(b *testing.B) {
	buf, text := make([]byte, 0, 64), []byte("system_u:object_r:unlabeled_t:s0")
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendEscaped(buf[:0], text)
	}
}

// TestJSONLine expects text to keep its value, whatever is in it.
func TestJSONLine(t *testing.T) {
	for _, text := range []string{"", "blue", "a \"name\", <quoted> \\", "\x1b[31m\u009b\u202e\u2028\n\x7f", "bad \xff byte"} {
		line, end := strings.CutSuffix(string(JSONLine(text)), "\n")
		var back string
		if err := json.Unmarshal([]byte(line), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") || !end {
			t.Errorf("%q became %s, which is %q (%v)", text, line, back, err)
		}
		if strings.ContainsFunc(line, Unsafe) {
			t.Errorf("%q: %q is not escaped", text, line)
		}
	}
}
