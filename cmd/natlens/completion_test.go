//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// completions are what a shell gets when it asks for the last word:
// words between bars, and the words that are offered, without what they mean.
// "…" leaves out the rest.
var completions = []struct{ line, want string }{
	{"wa", "watch"},
	{"completion|", "bash fish powershell zsh"},
	{"help|wat", "watch"},
	{"-E|-o|", "xml extended timestamp id ktimestamp labels userspace save"},
	{"-E|-p|tcp|-e|NEW,d", "NEW,destroy"},
	{"-L|-p|tcp|--dp", "--dport"},
	{"-D|--sr", "--src --src-nat --srckey"},
	{"-L|-p|tcp|--state|C", "CLOSE_WAIT CLOSE"},
	{"-L|-p|sctp|--state|CO", "COOKIE_WAIT COOKIE_ECHOED"},
	{"-L|-p|udp|--state|", ""},
	{"watch|-l|", "ssh web"},
	{"watch|-l|web,", "web,ssh"},
	{"watch|label|w", "web"},
	{"--filter|tcp and dpo", "tcp and dport"},
	{"demo|--view|", ""},
	{"create|--label-add|", "ssh web"},
	{"-U|--label-add|web,", "web,ssh"},
	{"-L|d", "dying dport dst dnat dst.as dst.city dst.country dstkey dccp dnat-addr dnat-port dst_nat dst_nat_done dying dhcp dns domain domain-s"},
	{"-L|c", "conntrack city container country close close_wait closed confirmed cookie_echoed cookie_wait"},
	{"-S|", "conntrack expect"},
	{"-C|", "conntrack expect"},
	{"-I|", "conntrack expect"},
	{"count|", ""},
	{"-L|expect|-o|x", "xml"},
	{"man|expect|wa", "watch"},
}

// TestCompletion asks as a shell's script asks, and leaves out, as the shell does,
// what does not go on from the letters that are typed.
func TestCompletion(t *testing.T) {
	labels := filepath.Join(t.TempDir(), "connlabel.conf")
	if err := os.WriteFile(labels, []byte("3 web\n5 ssh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range completions {
		words := strings.Split(c.line, "|")
		got := call(t.Context(), cli.Console{LabelFile: labels}, append([]string{"__completeNoDesc"}, words...)...)
		last := words[len(words)-1]
		var offered []string
		for line := range strings.Lines(got.stdout.String()) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, last) && !strings.HasPrefix(line, ":") && !strings.HasPrefix(line, "_activeHelp_") {
				offered = append(offered, line)
			}
		}
		if text := strings.Join(offered, " "); text != c.want || got.code != 0 {
			t.Errorf("%s: offered %s\nwant %s", c.line, text, c.want)
		}
	}
}

// TestCompletionHint expects that what can't be completed is described.
func TestCompletionHint(t *testing.T) {
	got := call(t.Context(), cli.Console{}, "__complete", "watch", "dport", "").stdout.String()
	if want := "_activeHelp_ a port: 443 https 1024..2047 {80,443}\n==\tequals\nin\tis in the set\n:4\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCompletionScripts has each shell that is installed read its script, and bash
// complete with it.
func TestCompletionScripts(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "natlens")); err != nil {
		t.Fatal(err)
	}
	env := slices.Concat(os.Environ(), []string{beNatlens + "=1", "PATH=" + dir + ":" + os.Getenv("PATH")})
	for shell, check := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}} {
		got := call(t.Context(), cli.Console{}, "completion", shell)
		script := filepath.Join(dir, shell)
		if err := os.WriteFile(script, []byte(got.stdout.String()), 0o644); err != nil || got.code != 0 || got.stdout.String() == "" {
			t.Fatalf("completion %s: %v, code %d, %d bytes", shell, err, got.code, len(got.stdout.String()))
		}
		if _, ok := labtest.Have(t, shell); !ok {
			continue
		}
		cmd := exec.CommandContext(t.Context(), shell, append(check, script)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	const want = "watch --capture => auto ring socket\nwatch tcp dpo => dport\n-E -p ud => udp udplite\n-L unc => unconfirmed\n"
	for shell, program := range map[string]string{"bash": bashCompletes, "zsh": zshCompletes, "fish": fishCompletes} {
		if _, ok := labtest.Have(t, shell); !ok {
			continue
		}
		args := []string{"-c", program, shell, filepath.Join(dir, shell)}
		if shell == "fish" { // whose $argv begins with what bash calls $1
			args = slices.Delete(args, 2, 3)
		}
		cmd := exec.CommandContext(t.Context(), shell, args...)
		cmd.Env = env
		if out, err := cmd.Output(); err != nil || string(out) != want {
			t.Errorf("%s completes, %v\n%swant\n%s", shell, err, out, want)
		}
	}
}

// bashCompletes does what bash does at the tab key, with its own replacement for the
// function of the package bash-completion.
const bashCompletes = `
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
compopt() { :; }
source "$1"
press_tab() {
	COMP_WORDS=(natlens "$@"); COMP_CWORD=$#; COMP_LINE="natlens $*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMPREPLY=()
	__start_natlens
	line="$*"; echo "${line% } => ${COMPREPLY[*]}"
}
press_tab watch --capture ""
press_tab watch tcp dpo
press_tab -E -p ud
press_tab -L unc
`

// zshCompletes runs the script as zsh's completion does, with replacement for what
// it calls there: the words that it hands over, without what they mean.
const zshCompletes = `
compdef() { :; }; _arguments() { :; }; compadd() { :; }
_describe() { local w; for w in $completions; do [[ $w == $words[-1]* ]] && found+=(${w%%:*}); done; }
source $1
press_tab() {
	local -a words found; words=(natlens "$@"); local CURRENT=$#words asked="$*"
	_natlens
	echo "${asked% } => $found"
}
press_tab watch --capture ""
press_tab watch tcp dpo
press_tab -E -p ud
press_tab -L unc
`

// fishCompletes asks fish itself.
const fishCompletes = `
source $argv[1]
function press_tab
	set found (complete -C "natlens $argv" | string split -f 1 \t)
	echo (string trim -- "$argv")" => $found"
end
press_tab "watch --capture "
press_tab "watch tcp dpo"
press_tab "-E -p ud"
press_tab "-L unc"
`

// TestCompletionOfNamespaces offers namespaces by their names, but none whose name a terminal would obey.
func TestCompletionOfNamespaces(t *testing.T) {
	if os.Geteuid() != 0 || !labtest.InitialUserNS() {
		t.Skip("only root of the host can name a namespace")
	}
	l := labtest.NewWith(t, lab.Config{})
	prefix := fmt.Sprintf("complete-%d-", os.Getpid())
	nameNetNS(t, l.Gateway, prefix+"b")
	nameNetNS(t, l.Client, prefix+"a")
	nameNetNS(t, l.Server, prefix+"\x1b[31m")
	for _, words := range [][]string{
		{"watch", "--netns", prefix}, {"who", "--netns", prefix}, {"list", "--netns", prefix}, {"watch", "netns", prefix},
	} {
		got := call(t.Context(), cli.Console{}, append([]string{"__completeNoDesc"}, words...)...)
		var offered []string
		for _, line := range strings.Split(got.stdout.String(), "\n") {
			if strings.HasPrefix(line, prefix) {
				offered = append(offered, line)
			}
		}
		slices.Sort(offered)
		if want := []string{prefix + "a", prefix + "b"}; !slices.Equal(offered, want) {
			t.Errorf("%q: offered %q, want %q; %s", words, offered, want, got.stderr.String())
		}
	}
	all := call(t.Context(), cli.Console{}, "__completeNoDesc", "watch", "--netns", "al").stdout.String()
	if !slices.Contains(strings.Split(all, "\n"), "all") {
		t.Errorf("watch --netns al: offered %q, want all", all)
	}
}
