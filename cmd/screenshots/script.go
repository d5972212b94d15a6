//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// script takes the pictures, one after the other.
type script struct {
	ctx     context.Context
	on      *terminals
	dir     string
	natlens string // the program, as a word of the shell
}

// play takes every picture.
func (s *script) play() error {
	for _, scene := range []func() error{s.pages, s.narrow, s.wide, s.watch, s.explain} {
		if err := scene(); err != nil {
			return err
		}
	}
	return nil
}

// has tells whether a text has a match of every pattern.
func has(patterns ...string) func(string) bool {
	var all []*regexp.Regexp
	for _, p := range patterns {
		all = append(all, regexp.MustCompile("(?m)"+p))
	}
	return func(text string) bool {
		for _, r := range all {
			if !r.MatchString(text) {
				return false
			}
		}
		return true
	}
}

// and is a condition that holds if both do.
func and(a, b func(string) bool) func(string) bool {
	return func(text string) bool { return a(text) && b(text) }
}

// sparkline is what the last minute's rate looks like when it has been going for
// a while.
const sparkline = `[▁▂▃▄▅▆▇█]{6}`

// everyKind is one flow of each kind that stands near the top when the newest come
// first: to a host inside, its port rewritten too, unanswered, new.
var everyKind = []string{`⇒ 192\.168\.77\.2:80 `, `192\.168\.77\.[23]:4444 +⇒ 203\.0\.113\.1:([^4]|4[^4]|44[^4]|444[^4 ])`, ` ! `, ` \+$`}

// pages goes through every page at 120×30.
func (s *script) pages() error {
	t, err := s.on.open("pages", 120, 30, s.natlens+" lab --theme dark")
	if err != nil {
		return err
	}
	defer t.close()
	every := and(has(everyKind...), has(sparkline, `\n(.*\ds.*\n){25}`))
	if _, err := s.take(t, "flows", "The flows of a NAT gateway", "a flow of every kind", every); err != nil {
		return err
	}
	if err := s.filter(t); err != nil {
		return err
	}
	if err := s.detail(t); err != nil {
		return err
	}
	for _, page := range []struct{ key, name, title, what, shows string }{
		{"2", "events", "The events of a gateway as they come", "events", `^ +TIME +EVENT.*\n(.*\d\d:\d\d:\d\d.*\n){20}`},
		{"3", "top", "Who makes most of the flows", "groups", `^ +SOURCE +FLOWS.*\n(.*\d %.*\n){6}`},
		{"4", "nat", "What is translated to which address", "pools of ports", `PORTS IN USE(.*\n)+.*203\.0\.113\.1 +udp (.*\n)+.*for 203\.0\.113\.1:8080`},
		{"5", "health", "The gateway's health over the last minutes", "charts", `EVENTS.*\n(.*\n)+.*PROBLEM +WHAT IS SEEN`},
		{"?", "help", "Every key", "the keys", ` timed out; `},
	} {
		if err := t.enter(page.key); err != nil {
			return err
		}
		if _, err := s.take(t, page.name, page.title, page.what, has(page.shows)); err != nil {
			return err
		}
	}
	return s.who(t)
}

// who asks who held an address.
func (s *script) who(t *terminal) error {
	if err := t.enter("6"); err != nil {
		return err
	}
	if _, err := t.await(s.ctx, "the page Who", has(`enter asks who held`)); err != nil {
		return err
	}
	if err := t.press("Enter"); err != nil {
		return err
	}
	if err := t.enter("203.0.113.1 --proto tcp"); err != nil {
		return err
	}
	if err := t.press("Enter"); err != nil {
		return err
	}
	_, err := s.take(t, "who", "Who holds an address of the gateway", "the answer", has(`The table of the lab gateway`, `\n(.* 203\.0\.113\.1:\d.*\n){10}`))
	return err
}

// filter types a filter with a mistake, mends it, and sorts by rate.
func (s *script) filter(t *terminal) error {
	const typo = "tcp and nat and state establishd"
	if err := t.enter("/" + typo); err != nil {
		return err
	}
	if _, err := s.take(t, "filter", "A filter being typed, its mistake shown in place", "the mistake", has(typo, `^ +\^ .*established`)); err != nil {
		return err
	}
	if err := t.press("C-u"); err != nil {
		return err
	}
	if err := t.enter("tcp and nat"); err != nil {
		return err
	}
	if err := t.press("Enter"); err != nil {
		return err
	}
	filtered := has(`^ / tcp and nat +[\d,]+ of [\d,]+ flows`, `\? help`, ` × `, `\n(.*tcp .*\n){22}`)
	none := regexp.MustCompile(`(?m)^...(udp|icmp|sctp)`)
	_, err := s.take(t, "flows-filtered", "The flows that a filter leaves", "the filter's flows",
		and(filtered, func(text string) bool { return !none.MatchString(text) }))
	return err
}

// detail opens a session whose port was rewritten: the flow that shows most.
func (s *script) detail(t *terminal) error {
	if err := t.enter("/"); err != nil {
		return err
	}
	if err := t.press("C-u"); err != nil {
		return err
	}
	if err := t.enter("tcp and snat and orig.dport 22 and state established"); err != nil {
		return err
	}
	if err := t.press("Enter"); err != nil {
		return err
	}
	if _, err := t.await(s.ctx, "a session", has(`\? help`, `^ ▌ tcp +ESTABLISHED.*:22 `)); err != nil {
		return err
	}
	if err := t.press("Enter"); err != nil {
		return err
	}
	if _, err := s.take(t, "detail", "The way of a flow's packets through the hooks", "the walk", has(`POSTROUTING`, `^ life .*ESTABLISHED`)); err != nil {
		return err
	}
	if err := t.press("Escape"); err != nil {
		return err
	}
	if _, err := t.await(s.ctx, "the flows", has(`PROTO +STATE`)); err != nil {
		return err
	}
	return t.press("C-l")
}

// narrow is the Flows page where there is least room.
func (s *script) narrow() error {
	t, err := s.on.open("narrow", 80, 24, s.natlens+" lab --theme dark")
	if err != nil {
		return err
	}
	defer t.close()
	_, err = s.take(t, "flows-80x24", "The flows in 80 columns", "flows", has(` ! `, `⇒203\.`, `:8080⇒`, `\n(.*\ds.*\n){20}`))
	return err
}

// wide is the Flows page with every column, by bytes: the sixth from the source.
func (s *script) wide() error {
	t, err := s.on.open("wide", 160, 50, s.natlens+" lab --theme dark")
	if err != nil {
		return err
	}
	defer t.close()
	if _, err := t.await(s.ctx, "flows", has(sparkline, ` ftp `)); err != nil {
		return err
	}
	if err := t.press("Right", "Right", "Right", "Right", "Right", "s"); err != nil {
		return err
	}
	_, err = s.take(t, "flows-160x50", "The flows in 160 columns, by bytes", "flows by bytes",
		has(`BYTES▼`, `HELPER`, ` 192\.168\.77\.2:80 `, ` × `, `\n(.* [kM]B .*\n){40}`))
	return err
}

// watch is the plain stream.
func (s *script) watch() error {
	const words = "watch nat"
	t, err := s.on.open("watch", 120, 20, s.shell(words))
	if err != nil {
		return err
	}
	defer t.close()
	_, err = s.take(t, "watch", "natlens "+words, "events", has(`\A(\d\d:.*\n){19}`, ` destroy `, ` new `, ` udp `, `⇒ 192\.168\.77\.2:80`))
	return err
}

// explain is the walk on the command line.
func (s *script) explain() error {
	const words = "explain --limit 1 tcp dport 22"
	t, err := s.on.open("explain", 120, 19, s.shell(words))
	if err != nil {
		return err
	}
	defer t.close()
	_, err = s.take(t, "explain", "natlens "+words, "the walk", has(`── out ──`))
	return err
}

// shell is a command that shows itself as if it had been typed, runs, and keeps
// the terminal.
func (s *script) shell(words string) string {
	return "printf '\\033[1m$ natlens %s\\033[m\\n' " + quoted(words) + "; " + s.natlens + " " + words + "; printf '\\033[?25l'; exec cat"
}

// take waits for what must stand on the screen and writes the picture.
func (s *script) take(t *terminal, name, title, what string, shows func(string) bool) (*picture, error) {
	p, err := t.await(s.ctx, what, shows)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.title = title
	for len(p.rows) > 1 && strings.TrimSpace(p.rows[len(p.rows)-1:].String()) == "" {
		p.rows = p.rows[:len(p.rows)-1]
	}
	path := filepath.Join(s.dir, name+".svg")
	fmt.Println(path)
	return p, os.WriteFile(path, []byte(p.SVG()), 0o644)
}
