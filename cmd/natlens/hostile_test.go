package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

// evil would set a terminal's title, change colours, turn the writing direction and end a
// line. It is a valid file name, too.
const evil = "\x1b]0;EVIL\a\x1b[31mred\u202e\u009b31m\r\nnatlens: forged\xff"

const hostileEvent = `{"v":1,"ts":"2026-11-22T06:12:01.000000000Z","ts_source":"ring","seq":1,"event":"new","flow":1,` +
	`"netns":"\u001b]0;EVIL\u0007\u001b[31mred\u202e","inode":4026532281,"id":1,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent",` +
	`"timeout":120,"orig":{"src":"10.0.0.1","sport":1000,"dst":"10.0.0.2","dport":80},"reply":{"src":"10.0.0.2","sport":80,"dst":"203.0.113.1",` +
	`"dport":1000},"status":["src_nat"],"helper":"\u001b[32mftp","secctx":"\u009b31m"}` + "\n"

// TestHostileText runs commands with hostile arguments, file names and recordings. None of
// it reaches the terminal as it is.
func TestHostileText(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	missing := filepath.Join(dir, "missing"+strings.ReplaceAll(evil, "/", ""))
	rec := file(evil+".jsonl", hostileEvent)
	broken := file("broken"+evil, hostileEvent+`{"v":1,"event":"`+strings.ReplaceAll("\x1b[31m\u202e", "\x1b", `\u001b`)+`"}`+"\n"+`{"v":1,"ev`)
	other := file("other"+evil, "no recording")

	lines := [][]string{
		{evil}, {"--" + evil}, {"-" + evil}, {"help", evil}, {"completion", evil}, {"man", evil}, {"lab", evil},
		{"watch", evil}, {"watch", "tcp", "dport", evil}, {"watch", "--" + evil}, {"watch", "--for", evil}, {"watch", "--netns", evil},
		{"watch", "-o", evil}, {"watch", "-o", "conntrack," + evil}, {"watch", "--metrics", evil, "--from", rec}, {"watch", "--explain-filter", evil},
		{"watch", "--from", rec, "--output", rec}, {"watch", "--from", rec, "--output", missing + "/x"}, {"record", evil, evil},
		{"list", evil}, {"list", "--netns", evil}, {"create", evil}, {"create", "--src", evil}, {"update", evil}, {"delete", evil}, {"expect", evil},
		{"stats", evil}, {"stats", "--netns", evil}, {"doctor", evil}, {"doctor", "--netns", evil},
		{"who", evil}, {"who", "203.0.113.1", evil}, {"who", "203.0.113.1", "--history", missing}, {"who", "203.0.113.1", "--proto", evil, "--from", rec},
		{"history", evil}, {"history", "export", "--history", missing}, {"replay", missing}, {"demo", evil},
		{"-L", "-s", evil}, {"-L", "-p", evil}, {"-E", "-o", evil}, {"-E", "--" + evil}, {"-I", "-s", evil, "-d", evil}, {"-L", "-M", missing, "-o", "labels"},
	}
	for _, path := range []string{rec, broken, other, missing} {
		for _, format := range []string{"pretty", "jsonl", "csv", "conntrack", "conntrack,xml", "conntrack,save"} {
			lines = append(lines, []string{"watch", "--from", path, "-o", format}, []string{"list", "--from", path, "-o", format})
		}
		lines = append(lines, []string{"watch", "--from", path, "-o", "conntrack", "--findings"}, []string{"explain", "--from", path},
			[]string{"explain", "--from", path, "src 10.0.0.1"}, []string{"who", "203.0.113.1", "--from", path}, []string{"who", "203.0.113.1", "--from", path, "-o", "jsonl"})
	}
	t.Chdir(dir)
	for _, line := range lines {
		var out, messages bytes.Buffer
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		run(ctx, cli.Console{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &messages, Getenv: func(string) string { return "" }}, line)
		if ctx.Err() != nil {
			t.Errorf("%q does not end", line)
		}
		stop()
		for where, text := range map[string]string{"standard output": out.String(), "standard error": messages.String()} {
			if !utf8.ValidString(text) {
				t.Errorf("%q: %s is not UTF-8: %q", line, where, text)
			}
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && monitor.Unsafe(r) }); i >= 0 {
				t.Errorf("%q: %s contains %.40q", line, where, text[i:])
			}
			if strings.Contains(text, "\nnatlens: forged") {
				t.Errorf("%q: %s has a forged line: %q", line, where, text)
			}
			if strings.Contains(text, `\\x1b`) || strings.Contains(text, `\\u202e`) {
				t.Errorf("%q: %s is escaped twice: %s", line, where, text)
			}
		}
	}
}
