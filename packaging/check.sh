#!/usr/bin/env bash
# Checks what packaging/build.sh has made in dist/: the package for Debian (files, scripts, that the program in it runs
# without libraries, that systemd accepts its units), that the other formats have the same files, licences and the list
# of modules, the MIPS build for routers if it is there, and make install. Usage: packaging/check.sh
set -euo pipefail
cd "$(dirname "$0")/.."
SMALL_BYTES=${SMALL_BYTES:-11000000}
deb=$(echo dist/natlens_*_amd64.deb)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() { echo "check.sh: $*" >&2; exit 1; }

# same WHAT FILE: standard input has the lines of FILE, or the difference is printed.
same() { diff -u "$2" - || fail "$1"; }

debian() {
  dpkg-deb --raw-extract "$deb" "$root/deb"
  local file script version
  for file in usr/bin/natlens usr/share/man/man1/natlens.1.gz usr/share/man/man1/natlens-watch.1.gz \
    usr/share/bash-completion/completions/natlens usr/share/zsh/vendor-completions/_natlens \
    usr/share/zsh/site-functions/_natlens usr/share/fish/vendor_completions.d/natlens.fish \
    usr/lib/systemd/system/natlens-record.service usr/lib/systemd/system/natlens-watch.service \
    usr/lib/sysusers.d/natlens.conf etc/natlens/config.toml usr/share/doc/natlens/THIRD-PARTY-LICENSES \
    usr/share/doc/natlens/LICENSE usr/share/natlens/grafana/natlens.json; do
    [ -s "$root/deb/$file" ] || fail "$deb: $file is missing"
  done
  grep -qx /etc/natlens/config.toml "$root/deb/DEBIAN/conffiles" || fail "$deb: the configuration would be overwritten"
  for script in postinst prerm postrm; do
    sh -n "$root/deb/DEBIAN/$script" || fail "$deb: $script is wrong"
  done
  (cd "$root/deb" && md5sum --quiet -c DEBIAN/md5sums) || fail "$deb: a checksum is wrong"
  # In an empty root there is no library to load.
  mkdir "$root/empty"
  cp "$root/deb/usr/bin/natlens" "$root/empty/"
  version=$(chroot "$root/empty" /natlens version)
  [ "$version" = "natlens $(dpkg-deb -f "$deb" Version) linux/amd64 $(go env GOVERSION)" ] ||
    fail "$deb: its program prints $version"
}

units() {
  local unit exposure
  for unit in natlens-record natlens-watch; do
    # verify looks for the program where the unit names it.
    sed "s,=/usr/bin/natlens,=$root/deb/usr/bin/natlens," "$root/deb/usr/lib/systemd/system/$unit.service" >"$root/$unit.service"
    systemd-analyze verify --man=no "$root/$unit.service"
    exposure=$(systemd-analyze security --offline=true "$root/$unit.service" | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
    awk -v e="$exposure" 'BEGIN { exit !(e != "" && e <= 2.1) }' || fail "$unit.service is exposed: $exposure"
  done
}

# formats compares the files of the other formats with those of the package for Debian.
formats() {
  (cd "$root/deb" && find etc usr -type f | sort) >"$root/files"
  tar -tzf dist/natlens_*_x86_64.apk 2>/dev/null | grep -E '^(etc|usr)/.*[^/]$' | sort | same "apk: other files" "$root/files"
  tar --zstd -tf dist/natlens-*-x86_64.pkg.tar.zst | grep -E '^(etc|usr)/.*[^/]$' | sort | same "archlinux: other files" "$root/files"
  if command -v rpm2cpio >/dev/null && command -v cpio >/dev/null; then
    (rpm2cpio dist/natlens-*.x86_64.rpm || true) | cpio --quiet -tv | sed -n 's,^-.* /,,p' | sort | same "rpm: other files" "$root/files"
  fi
  tar -xzOf dist/natlens_*_x86_64.ipk ./data.tar.gz | tar -tz | grep '[^/]$' | sort >"$root/ipk"
  printf './%s\n' etc/config/natlens etc/init.d/natlens usr/bin/natlens usr/share/natlens/THIRD-PARTY-LICENSES.gz |
    same "ipk: other files" "$root/ipk"
}

# licences checks that the list of modules has those in the program, and that each has a licence text.
licences() {
  go version -m "$root/deb/usr/bin/natlens" | awk '$1 == "dep" { print $2, $3 }' | sort >"$root/modules"
  jq -r '.components[] | .name + " " + .version' dist/natlens-*-amd64.sbom.json | sort | same "other modules in the SBOM" "$root/modules"
  awk '/^==== / { if (name != "") print name; name = ($2 == "the" ? "" : $2 " " $3); next }
    NF { if (name != "") print name; name = "" }' "$root/deb/usr/share/doc/natlens/THIRD-PARTY-LICENSES" | sort -u |
    same "other licences" "$root/modules"
}

# small checks the program for MIPS: its size, its help, and that it reads a recording.
small() {
  local ipk=$1 qemu=$2 events
  mkdir -p "$root/$qemu"
  tar -xzOf "$ipk" ./data.tar.gz | tar -xz -C "$root/$qemu"
  run() { "$qemu" "$root/$qemu/usr/bin/natlens" "$@"; }
  [ "$(stat -c %s "$root/$qemu/usr/bin/natlens")" -le "$SMALL_BYTES" ] || fail "$ipk: its program has more than $SMALL_BYTES bytes"
  [[ $(run version) = natlens\ *\ linux/mips* ]] || fail "$ipk: its program prints $(run version)"
  events=$(run watch --quiet --from cmd/natlens/watch/testdata/life.jsonl -o jsonl | wc -l)
  [ "$events" = "$(wc -l <cmd/natlens/watch/testdata/life.jsonl)" ] || fail "$ipk: it reads $events events"
  for topic in '' watch record who why files config; do
    # shellcheck disable=SC2086
    run help $topic >"$root/help"
    if grep -E -- '--history|--metrics|natlens (lab|demo|replay|man|history)|--send|^  (lab|demo|replay|man|history) ' "$root/help"; then
      fail "$ipk: natlens help $topic is about what is not in it"
    fi
  done
}

# openwrt runs the service of OpenWrt with stand-ins for its functions, and checks the command line that it starts.
openwrt() {
  local init=packaging/openwrt/natlens.init words
  sed "s/'0'/'1'/" packaging/openwrt/natlens.config >"$root/uci"
  # shellcheck disable=SC1090,SC1091,SC2034,SC2317
  (
    option() { eval "option_$1=\$2"; }
    config() { [ "$1" = watch ] && section=$2; }
    config_load() { . "$root/uci"; }
    config_foreach() { "$1" "$section"; }
    config_get() { eval "$1=\${option_$3:-${4:-}}"; }
    config_get_bool() { config_get "$@"; }
    procd_open_instance() { :; }
    procd_close_instance() { :; }
    procd_set_param() { [ "$1" != command ] || { shift; printf '%s\n' "$@"; }; }
    mkdir() { :; }
    . "$init"
    start_service
  ) >"$root/command"
  mapfile -t words <"$root/command"
  [ "${words[0]:-}" = /usr/bin/natlens ] || fail "$init starts ${words[*]:-nothing}"
  "$root/deb/usr/bin/natlens" "${words[@]:1}" --explain-filter >/dev/null || fail "$init: natlens does not accept ${words[*]}"
}

installs() {
  make --no-print-directory -s install DESTDIR="$root/dest" PREFIX=/opt/natlens >/dev/null
  [ "$("$root/dest/opt/natlens/bin/natlens" version)" != "" ] || fail "make install: no program"
  [ "$(find "$root/dest" -name 'natlens*.[17]' | wc -l)" = "$(find cmd/natlens/man/pages -name '*.[17]' | wc -l)" ] || fail "make install: not all manual pages"
  make --no-print-directory -s uninstall DESTDIR="$root/dest" PREFIX=/opt/natlens >/dev/null
  [ -z "$(find "$root/dest" -type f)" ] || fail "make uninstall leaves $(find "$root/dest" -type f)"
}

debian
if command -v systemd-analyze >/dev/null; then units; fi
formats
licences
openwrt
installs
for pair in mips_24kc:qemu-mips-static mipsel_24kc:qemu-mipsel-static; do
  for ipk in dist/natlens_*_"${pair%%:*}".ipk; do
    if [ -e "$ipk" ] && command -v "${pair##*:}" >/dev/null; then small "$ipk" "${pair##*:}"; fi
  done
done
echo "dist: all packages hold what they should"
