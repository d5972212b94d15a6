#!/usr/bin/env bash
# Installs ./bin/natlens with its manual pages and completions below a directory, or removes them.
# Usage: packaging/install.sh install|uninstall DIR
set -euo pipefail
cd "$(dirname "$0")/.."

each() { # runs "$1 SOURCE DESTINATION" for each file; SOURCE -SHELL is what natlens completion SHELL prints
  "$1" bin/natlens "$dir/bin/natlens"
  for page in cmd/natlens/man/pages/*.[17]; do
    "$1" "$page" "$dir/share/man/man${page##*.}/${page##*/}"
  done
  "$1" -bash "$dir/share/bash-completion/completions/natlens"
  "$1" -zsh "$dir/share/zsh/site-functions/_natlens"
  "$1" -fish "$dir/share/fish/vendor_completions.d/natlens.fish"
}

put() {
  case $1 in
    -*) install -D -m 644 /dev/stdin "$2" < <(bin/natlens completion "${1#-}") ;;
    bin/*) install -D -m 755 "$1" "$2" ;;
    *) install -D -m 644 "$1" "$2" ;;
  esac
}

remove() { rm -f "$2"; }

dir=$2
case $1 in
  install) each put ;;
  uninstall) each remove ;;
  *) echo "install.sh: $1 is neither install nor uninstall" >&2; exit 2 ;;
esac
