//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/classic"
	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
)

// fence is a block of code of a page: its kind and its text.
var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// docsLine is a command line of a page.
type docsLine struct{ page, line string }

// inline is a command line of natlens within a sentence. Fewer words, or a flag at the end, only name a command.
var inline = regexp.MustCompile("`((?:sudo )?natlens [^ `]+ [^`\n]+ [^-`\n][^ `\n]*)`")

// docsLines returns every command line of README.md and of docs, once: those behind "$ " in blocks of console, all in
// blocks of sh, and those of natlens within sentences, unless they have a word such as FILE.
func docsLines(t *testing.T) (lines []docsLine) {
	t.Helper()
	eachBlock(t, func(page, kind, block string) {
		all := commandLines(kind, block)
		if kind == "text" {
			for _, m := range inline.FindAllStringSubmatch(block, -1) {
				all = append(all, m[1])
			}
			all = slices.DeleteFunc(all, regexp.MustCompile(`\b[A-Z]{3,}\b`).MatchString)
		}
		for _, line := range all {
			if !slices.ContainsFunc(lines, func(d docsLine) bool { return d.line == line }) {
				lines = append(lines, docsLine{page, line})
			}
		}
	})
	if len(lines) < 70 {
		t.Errorf("%d command lines were found, there were more", len(lines))
	}
	return lines
}

// eachBlock calls f for every block of code of the pages, and with the kind text for the sentences between.
func eachBlock(t *testing.T, f func(page, kind, block string)) {
	t.Helper()
	pages := []string{filepath.Join(moduleTop, "README.md")}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(moduleTop, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
			f(strings.TrimPrefix(page, moduleTop+"/"), m[1], m[2])
		}
		f(strings.TrimPrefix(page, moduleTop+"/"), "text", fence.ReplaceAllString(string(text), ""))
	}
}

// TestDocs checks flags and filter of natlens's command lines as natlens checks them, and jq reads its programs.
func TestDocs(t *testing.T) {
	for _, d := range docsLines(t) {
		if err := checkDocsLine(t, d.line); err != nil {
			t.Errorf("%s: %s: %v", d.page, d.line, err)
		}
	}
	eachBlock(t, func(page, kind, block string) {
		if kind == "console" {
			checkShownOutput(t, page, block)
		} else if kind != "sh" && strings.HasPrefix(block, "$ ") {
			t.Errorf("%s: a block with command lines is neither sh nor console:\n%s", page, block)
		}
	})
}

// TestDocsLineIsChecked shows that a wrong line is found.
func TestDocsLineIsChecked(t *testing.T) {
	for _, line := range []string{
		"natlens watch tcp dport 443 | jq .", "sudo natlens -E -p tcp > x", "FOO=1 natlens watch 'tcp or udp' &",
		"go run ./cmd/natlens lab --watch", "natlens watch -o jsonl; make bench", "natlens watch --ouput x",
		"natlens watch 'tcp dprot 443'", "natlens watch tcp | natlens wathc", "make nothing", "wget example.com",
		"natlens watch 'tcp", "go test ./... && natlens -E -u NOSUCH",
	} {
		golden.Words(t, line, checkDocsLine(t, line))
	}
}

// commandLines returns the command lines of a block. One that ends with a
// backslash goes on in the next.
func commandLines(kind, block string) (lines []string) {
	block = strings.ReplaceAll(block, "\\\n", " ")
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		command, ok := strings.CutPrefix(line, "$ ")
		if kind == "sh" && line != "" {
			command, ok = line, true
		}
		if ok && (kind == "sh" || kind == "console") {
			lines = append(lines, command)
		}
	}
	return lines
}

// checkDocsLine checks each program of a command line.
func checkDocsLine(t *testing.T, line string) error {
	stages, err := shellStages(line)
	if err != nil {
		return err
	}
	for _, words := range stages {
		for len(words) > 0 && (words[0] == "sudo" || strings.Contains(words[0], "=")) {
			words = words[1:]
		}
		if len(words) > 2 && slices.Equal(words[:3], []string{"go", "run", "./cmd/natlens"}) {
			words = append([]string{"natlens"}, words[3:]...)
		}
		if len(words) == 0 {
			continue
		}
		if err := checkProgram(t, words[0], words[1:]); err != nil {
			return err
		}
	}
	return nil
}

func checkProgram(t *testing.T, program string, args []string) error {
	switch program {
	case "natlens", "./bin/natlens":
		return checkNatlensLine(args)
	case "make":
		makefile, err := os.ReadFile(filepath.Join(moduleTop, "Makefile"))
		if err != nil {
			return err
		}
		for _, target := range args {
			if !strings.Contains(target, "=") && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(target)+`:`).Match(makefile) {
				return fmt.Errorf("the Makefile has no target %s", target)
			}
		}
		return nil
	case "jq":
		if _, err := exec.LookPath("jq"); err != nil {
			return nil
		}
		if out, err := exec.CommandContext(t.Context(), "jq", args...).CombinedOutput(); err != nil { // of no input
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	case "go", "install", "conntrack", "curl", "promtool", "sysctl", "nft", "head", "gzip", "wc", "sort", "uniq", "cat", "tail", "grep", "source", "kill", "ip", "sqlite3", "journalctl":
		return nil
	}
	return fmt.Errorf("no program that the pages should name: %s", program)
}

// checkNatlensLine has natlens read a command line to its end, and do nothing.
func checkNatlensLine(args []string) error {
	root := newRoot(cli.Console{Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }})
	eachCommand(root, func(cmd *cobra.Command) {
		if cmd.RunE != nil && cmd.HasParent() {
			cmd.RunE = func(*cobra.Command, []string) error { return nil }
		} else if cmd.RunE != nil {
			run := cmd.RunE
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return nil
				}
				return run(cmd, args) // an unknown command
			}
		}
	})
	root.SetHelpFunc(func(*cobra.Command, []string) {})
	line, _, err := classic.Translate(args)
	root.SetArgs(append([]string{}, line...))
	return errors.Join(err, root.Execute())
}

// checkShownOutput runs the command lines of a block that say what they say
// everywhere, and holds them to the output that the page shows.
func checkShownOutput(t *testing.T, page, block string) {
	for part := range strings.SplitSeq("\n"+block, "\n$ ") {
		line, shown, _ := strings.Cut(part, "\n")
		if !strings.Contains(line, "--explain-filter") || shown == "" {
			continue
		}
		stages, err := shellStages(line)
		if err != nil || len(stages) != 1 {
			t.Errorf("%s: %s: %v", page, line, err)
			continue
		}
		got := call(t.Context(), cli.Console{}, stages[0][slices.Index(stages[0], "natlens")+1:]...)
		if strings.TrimSpace(got.stdout.String()) != strings.TrimSpace(shown) {
			t.Errorf("%s: %s says\n%s%s\nthe page says\n%s", page, line, got.stdout.String(), got.stderr.String(), shown)
		}
	}
}

// shellStages takes a command line apart as a shell does: at | ; && and &, and
// into words. What is redirected is left out, and so are comments.
func shellStages(line string) (stages [][]string, err error) {
	var words []string
	word, inWord, redirected := "", false, false
	endWord := func() {
		if inWord && !redirected {
			words = append(words, word)
		}
		if inWord {
			redirected = false
		}
		word, inWord = "", false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case '\'', '"':
			end := strings.IndexByte(line[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			word, inWord = word+line[i+1:i+1+end], true
			i += 1 + end
		case ' ', '\t':
			endWord()
		case '|', ';', '&':
			endWord()
			if len(words) > 0 {
				stages, words = append(stages, words), nil
			}
		case '<', '>':
			endWord()
			redirected = true
		case '#':
			if !inWord {
				return append(stages, words), nil
			}
			fallthrough
		default:
			word, inWord = word+line[i:i+1], true
		}
	}
	endWord()
	if len(words) > 0 {
		stages = append(stages, words)
	}
	return stages, nil
}
