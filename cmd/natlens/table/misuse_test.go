//go:build linux

package table

import (
	"testing"

	"natlens/cmd/natlens/cli/clitest"
)

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, NewList, `
2 --netns all -o conntrack,save
2 --from ../watch/testdata/life.jsonl --netns x
2 --at 14:32
2 --from ../watch/testdata/life.jsonl --at noon
2 --from - --at 14:32
2 --from ../watch/testdata/life.jsonl -e new
`)
	clitest.CheckMisuse(t, NewUpdate, `
2 --yes --state FOO
2 --yes --state ESTABLISHD udp
2 --yes --state FOO -p udp
`)
	clitest.CheckMisuse(t, NewDelete, `
2 --dry-run --netns all tcp
`)
	clitest.CheckMisuse(t, NewFlush, `
2 --family= --yes
2 --netns=
2 -p tcp
`)
	clitest.CheckMisuse(t, NewGet, `
2
`)
}
