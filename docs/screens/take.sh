#!/usr/bin/env bash
# Takes the pictures of the documentation: runs natlens in tmux on the traffic of
# the lab, types keys as a user would, waits for what the picture is to show, and
# draws the screen as SVG.
#
#   docs/screens/take.sh bin/natlens [DIR]      DIR defaults to the script's own
#
# Needs tmux, GNU grep and freeze (go install github.com/charmbracelet/freeze@v0.2.2) for
# the still pictures, and asciinema, jq and svg-term (npm install -g svg-term-cli) for the tours.
set -euo pipefail

natlens=$(realpath "$1")
dir=$(realpath "${2:-$(dirname "$0")}")
if [ -z "${NATLENS_SCREENS:-}" ] && [ "$(id -u)" = 0 ]; then # a host name that is nobody's
  NATLENS_SCREENS=1 exec unshare --uts bash -c 'hostname gw01; exec "$@"' - "$0" "$@"
fi

socket=$(mktemp -u)
t() { tmux -S "$socket" "$@"; }
trap 't kill-server 2>/dev/null || true' EXIT

# open WIDTH HEIGHT COMMAND: runs the command in a terminal of that size.
open() {
  t kill-server 2>/dev/null || true
  socket=$(mktemp -u) # tmux may not reuse one at once
  TERM=xterm-256color COLORTERM=truecolor t -f /dev/null new-session -d -x "$1" -y "$2" "$3" \; \
    set -g default-terminal tmux-256color \; set -ga terminal-overrides ,*:Tc \; set -g status off \; resize-window -x "$1" -y "$2"
}

# keys KEY...: types them; a text goes in as it is.
keys() { t send-keys "$@"; }

# await PATTERN...: waits up to a minute until the screen matches every pattern.
await() {
  local screen pattern
  for _ in $(seq 600); do
    screen=$(t capture-pane -p)
    for pattern; do grep -qPz "(?m)$pattern" <<<"$screen" || { sleep 0.1; continue 2; }; done
    return
  done
  printf '%s\nnever showed: %s\n' "$screen" "$*" >&2
  exit 1
}

# take NAME PATTERN...: waits and writes NAME.svg.
take() {
  local name=$1
  shift
  await "$@"
  t capture-pane -e -p >"$socket.ansi"
  freeze --language ansi --background '#16181d' --padding 12 --font.family 'ui-monospace, Menlo, Consolas, monospace' \
    --font.ligatures=false -o "$dir/$name.svg" "$socket.ansi" >/dev/null
  rm "$socket.ansi"
  echo "$dir/$name.svg"
}

# film NAME WORDS...: records the open terminal of 100 columns and 28 lines while it runs the
# words, and writes NAME.svg. Frames that follow each other within half a second become one.
film() {
  local name=$1 cast=$socket.cast recorder
  shift
  # Without these capabilities tmux sends nothing that svg-term draws wrongly.
  t set -ga terminal-overrides ,*:Tc:ech@:dch1@:dch@:ich@:ich1@:indn@:rin@:rep@
  TERM=xterm-256color script -qec "stty rows 28 cols 100; asciinema rec -q -c 'tmux -S $socket attach' $cast" /dev/null >/dev/null &
  recorder=$!
  "$@"
  t kill-server
  wait "$recorder"
  jq -cs '.[0], (reduce .[1:][] as $e ([];
    if length > 0 and $e[0] - .[-1][0] < 0.5 then .[-1][2] += $e[2] else . + [$e] end) | .[])' "$cast" |
    svg-term --no-cursor --no-optimize --out "$dir/$name.svg" >/dev/null
  # A program that shows no animation shows the first full frame.
  sed -i 's/<svg /<svg xml:space="preserve" /; s/{animation-duration/{transform:translate(-100px,0);animation-duration/' "$dir/$name.svg"
  rm "$cast"
  echo "$dir/$name.svg"
}

# tour shows a flow in detail, which NAT addresses are in use and who makes most flows.
tour() {
  local i filter='tcp and snat and state established'
  sleep 3 && keys / && sleep 0.5
  for ((i = 0; i < ${#filter}; i++)); do keys -l "${filter:i:1}" && sleep 0.1; done
  sleep 1 && keys Enter && sleep 2.5
  keys Enter && sleep 6 && keys Escape && sleep 1
  keys 4 && sleep 3 && keys 3 && sleep 3 && keys 1 && sleep 2
}

for theme in dark light; do
  open 100 28 "$natlens lab --theme $theme"
  await '⇒192\.168\.77\.2:80 ' 'RATE▼'
  film "tour-$theme" tour
done
# The default colours of svg-term are a dark terminal's.
sed -i 's/rgb(40,45,53)/rgb(255,255,255)/; s/rgb(185,192,203)/rgb(36,41,47)/g' "$dir/tour-light.svg"

open 120 30 "$natlens lab --theme dark"
take flows '⇒ 192\.168\.77\.2:80 ' 'RATE▼' 'kB/s'
keys / 'tcp and nat and state establishd'
take filter 'establishd' '\^'
keys C-u 'tcp and nat' Enter
take flows-filtered '^ / tcp and nat .* [\d,]+ of [\d,]+' 'RATE▼'
keys / C-u 'tcp and snat and orig.dport 22 and state established' Enter
await '^ ▌ tcp +ESTABLISHED.*:22 '
keys Enter
take detail '^ life .*ESTABLISHED'
keys Escape
await 'PROTO +STATE'
keys C-l 2
take events '^ +TIME +EVENT.*\n(.*\d\d:\d\d:\d\d.*\n){20}'
keys 3
take top 'SHARE' '\n(.*\d %.*\n){2}'
keys 4
take nat 'PORTS IN USE' 'for 203\.0\.113\.1:8080'
keys 5
take health 'last [2-5]\ds'
keys '?'
take help 'quit'
keys Escape
await '^ TABLE'
keys 6
await 'who held'
keys Enter '203.0.113.1 --proto tcp' Enter
take who '\n(.* 203\.0\.113\.1:\d.*\n){10}'

open 80 24 "$natlens lab --theme dark"
take flows-80x24 ':8080⇒' 'RATE▼' 'kB/s'

open 160 50 "$natlens lab --theme dark"
take flows-160x50 'RATE▼' 'kB/s'

# shown COMMAND: what a shell shows that runs natlens with these words.
shown() { printf "printf '\\033[1m\$ natlens %s\\033[m\\n'; %s %s; exec cat" "$1" "$natlens" "${2:-$1}"; }

open 120 20 "$(shown 'watch nat' 'lab --watch nat')"
take watch ' destroy ' ' new ' '⇒ 192\.168\.77\.2:80'

recording=$(realpath "$(dirname "$0")/../../monitor/replay/demo.jsonl.gz")
open 120 19 "$(shown 'explain --limit 1 tcp dport 22' "explain --from $recording --limit 1 tcp dport 22")"
take explain '── out ──'
