//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       screen
	}{
		{"plain", "ab\ncd\n", screen{{{at: 0, cells: 2, text: "ab"}}, {{at: 0, cells: 2, text: "cd"}}}},
		{"a style lasts beyond its line", "\x1b[1ma\nb\x1b[mc", screen{
			{{at: 0, cells: 1, pen: pen{bold: true}, text: "a"}},
			{{at: 0, cells: 1, pen: pen{bold: true}, text: "b"}, {at: 1, cells: 1, text: "c"}},
		}},
		{"wide runes, combining ones, and ASCII after them", "日本e\u0301x", screen{{{at: 0, cells: 4, text: "日本"}, {at: 4, cells: 2, text: "e\u0301x"}}}},
		{"other sequences are dropped", "a\x1b]0;title\x07\x1b[2J\x1b(0\x1b[?25lb", screen{{{at: 0, cells: 2, text: "ab"}}}},
		{"what is not to be seen", "a\u202e\u009b1\xff", screen{
			{{at: 0, cells: 1, text: "a"}, {at: 1, cells: 2, text: "\uFFFD\uFFFD"}, {at: 3, cells: 1, text: "1"}, {at: 4, cells: 1, text: "\uFFFD"}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parse(c.text), cmp.AllowUnexported(span{}, pen{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPen(t *testing.T) {
	for _, c := range []struct {
		params string
		want   pen
	}{
		{"1;2;3;4;7;9", pen{bold: true, faint: true, italic: true, underline: true, reverse: true, crossed: true}},
		{"1;2;3;4;7;9;22;23;24;27;29", pen{}},
		{"31;42", pen{fg: base[1], bg: base[2]}},
		{"91;102", pen{fg: base[9], bg: base[10]}},
		{"31;42;39;49", pen{}},
		{"38;5;1;48;5;15", pen{fg: base[1], bg: base[15]}},
		{"38;5;80;48;5;255", pen{fg: "#5fd7d7", bg: "#eeeeee"}},
		{"38;2;1;20;255;1", pen{fg: "#0114ff", bold: true}},
		{"38:2:1:20:255;48:2::1:20:255", pen{fg: "#0114ff", bg: "#0114ff"}},
		{"38:5:80;4:3", pen{fg: "#5fd7d7", underline: true}},
		{"4;4:0", pen{}},
		{"38;5", pen{}},
		{"38;5;256;1", pen{bold: true}},
		{"38;9;1", pen{bold: true, crossed: true}},
		{"1;", pen{}},
		{"1;?5;77", pen{bold: true}},
	} {
		var p pen
		p.apply(c.params)
		if p != c.want {
			t.Errorf("%q: got %+v, want %+v", c.params, p, c.want)
		}
	}
}

// TestSVG holds a whole picture to what it should be.
func TestSVG(t *testing.T) {
	text := "\x1b[1mnatlens\x1b[m  a<b & \"c\"  \x1b[38;5;80m⇒ 1.2.3.4\x1b[m\n" +
		"\x1b[48;2;45;51;64m \x1b[31mred\x1b[39m \x1b[m\x1b[2mfaint\x1b[m\n" +
		"\x1b[34m▁▄▄█\x1b[m▏\n" +
		"\x1b[7mtab\x1b[m 日本 \x1b[4mu  \x1b[m\n" +
		"\x1b[48;2;45;51;64mall\x1b[m"
	p := picture{title: "5 < 6", cols: 30, rows: parse(text), cursor: &cell{4, 1}}
	const want = `<svg xmlns="http://www.w3.org/2000/svg" width="298" height="123" viewBox="0 0 298 123" xml:space="preserve" role="img">
<title>5 &lt; 6</title>
<style>
text{font:15px "DejaVu Sans Mono",Menlo,Consolas,"Liberation Mono",monospace;fill:#d3d7de;white-space:pre}
.a{font-weight:700}
.b{fill:#5fd7d7}
.c{fill:#e06c75}
.d{fill:#74777d}
.e{fill:#16181d}
.f{text-decoration:underline}
</style>
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
<text y="28"><tspan x="14" textLength="63" class="a">natlens</tspan><tspan x="95" textLength="81">a&lt;b &amp; &#34;c&#34;</tspan><tspan x="194" class="b">⇒</tspan><tspan x="212" textLength="63" class="b">1.2.3.4</tspan></text>
<rect x="14" y="33" width="45" height="19" fill="#2d3340"/>
<rect x="50" y="33" width="2" height="19" fill="#d3d7de"/>
<text y="47"><tspan x="23" textLength="27" class="c">red</tspan><tspan x="59" textLength="45" class="d">faint</tspan></text>
<rect x="14" y="68.625" width="9" height="2.375" fill="#61afef"/>
<rect x="23" y="61.5" width="18" height="9.5" fill="#61afef"/>
<rect x="41" y="52" width="9" height="19" fill="#61afef"/>
<text y="66"><tspan x="50">▏</tspan></text>
<rect x="14" y="71" width="27" height="19" fill="#d3d7de"/>
<text y="85"><tspan x="14" textLength="27" class="e">tab</tspan><tspan x="50" textLength="36">日本</tspan><tspan x="95" textLength="27" class="f">u  </tspan></text>
<rect x="14" y="90" width="270" height="19" fill="#2d3340"/>
<text y="104"><tspan x="14" textLength="27">all</tspan></text>
</svg>
`
	if diff := cmp.Diff(want, p.SVG()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestClassName(t *testing.T) {
	for i, want := range map[int]string{0: "a", 25: "z", 26: "ba", 27: "bb", 26 * 26: "baa"} {
		if got := className(i); got != want {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
}

// hostileText tells what of a drawn picture should not be in it.
func hostileText(t *testing.T, svg string) (bad []string) {
	t.Helper()
	if !utf8.ValidString(svg) {
		bad = append(bad, "not UTF-8")
	}
	for _, r := range svg {
		if r != '\n' && monitor.Unsafe(r) {
			bad = append(bad, string(r))
		}
	}
	known := map[string]bool{"svg": true, "title": true, "style": true, "rect": true, "text": true, "tspan": true}
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return bad
		}
		if err != nil {
			return append(bad, err.Error())
		}
		if e, ok := token.(xml.StartElement); ok && !known[e.Name.Local] {
			bad = append(bad, "<"+e.Name.Local+">")
		}
	}
}

// FuzzSVG draws whatever comes as well-formed XML, of the elements that are meant.
func FuzzSVG(f *testing.F) {
	for _, text := range []string{
		"", "\n\n", "\x1b[1mnatlens\x1b[m\n", "</text><script>alert(1)</script>", "&#x202e;\u202e\u2066\u009b31m\x00\x08\x7f",
		"\x1b[38;5;300;48;2;1;2mx\x1b[38:2::1:2:3my", "\x1b]8;;http://a\x1b\\b\x1b]8;;\x1b\\", "\xff\xfe\ufffe\uffff", "日本\u0301\u200d👩‍👩‍👧", "\x1b[", "\x1b[31\nx", "\x1b]0;\n",
		"]]>\"'", "\x9b1mx",
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, text, title string) {
		p := picture{title: title, cols: 80, rows: parse(text)}
		if bad := hostileText(t, p.SVG()); len(bad) > 0 {
			t.Errorf("%q holds %q", p.SVG(), bad)
		}
		if n := strings.Count(text, "\n"); len(p.rows) > n+1 {
			t.Errorf("%d rows of %d lines", len(p.rows), n+1)
		}
		for y, row := range p.rows {
			at := 0
			for _, s := range row {
				if s.at != at || s.cells <= 0 || s.text == "" {
					t.Errorf("row %d: %+v does not begin at cell %d", y, s, at)
				}
				at += s.cells
			}
		}
	})
}

const docs = "../../docs"

// TestPictures holds the pictures that stand in docs to being whole, and to being
// explained in its page of screens.
func TestPictures(t *testing.T) {
	files, err := filepath.Glob(docs + "/screens/*.svg")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	page, err := os.ReadFile(docs + "/screens.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	for _, m := range regexp.MustCompile(`!\[[^\]]+\]\(screens/([\w-]+\.svg)\)`).FindAllSubmatch(page, -1) {
		shown[string(m[1])] = true
	}
	for _, file := range files {
		svg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bad := hostileText(t, string(svg)); len(bad) > 0 {
			t.Errorf("%s holds %q", file, bad)
		}
		if !shown[filepath.Base(file)] {
			t.Errorf("%s is not in docs/screens.md", file)
		}
		delete(shown, filepath.Base(file))
	}
	for name := range shown {
		t.Errorf("docs/screens.md shows %s, which is not there", name)
	}
}
