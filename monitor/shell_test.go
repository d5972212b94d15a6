package monitor

import (
	"os/exec"
	"strings"
	"testing"
)

// TestShellLine expects words that a shell reads back.
func TestShellLine(t *testing.T) {
	words := []string{"watch", "it's != $x", "", "a/b.c:80,443", "10.0.0.0/8"}
	if got, want := ShellLine(words...), `watch 'it'\''s != $x' '' a/b.c:80,443 10.0.0.0/8`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s|' `+ShellLine(words...)).Output()
	if want := strings.Join(words, "|") + "|"; err != nil || string(out) != want {
		t.Errorf("a shell reads %q, %v, want %q", out, err, want)
	}
}
