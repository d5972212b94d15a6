#!/usr/bin/env bash
# Checks the package for Debian in dist/: its files, its scripts, that the program in it runs without libraries, and
# that systemd accepts its units. Usage: packaging/check.sh
set -euo pipefail
cd "$(dirname "$0")/.."
deb=$(echo dist/natlens_*_amd64.deb)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() { echo "$deb: $*" >&2; exit 1; }

dpkg-deb --raw-extract "$deb" "$root"
for file in usr/bin/natlens usr/share/man/man1/natlens.1.gz usr/share/man/man1/natlens-watch.1.gz \
  usr/share/bash-completion/completions/natlens usr/share/zsh/vendor-completions/_natlens \
  usr/share/fish/vendor_completions.d/natlens.fish usr/lib/systemd/system/natlens-record.service \
  usr/lib/systemd/system/natlens-watch.service usr/lib/sysusers.d/natlens.conf etc/natlens/config.toml \
  usr/share/doc/natlens/THIRD-PARTY-LICENSES usr/share/doc/natlens/LICENSE usr/share/natlens/grafana/natlens.json; do
  [ -s "$root/$file" ] || fail "$file is missing"
done
grep -qx /etc/natlens/config.toml "$root/DEBIAN/conffiles" || fail "the configuration would be overwritten"
for script in postinst prerm postrm; do
  sh -n "$root/DEBIAN/$script" || fail "$script is wrong"
done
(cd "$root" && md5sum --quiet -c DEBIAN/md5sums) || fail "a checksum is wrong"
# In an empty root there is no library to load.
mkdir "$root/empty"
cp "$root/usr/bin/natlens" "$root/empty/"
version=$(chroot "$root/empty" /natlens version)
[ "$version" = "natlens $(dpkg-deb -f "$deb" Version) linux/amd64 $(go env GOVERSION)" ] || fail "its program prints $version"
if command -v systemd-analyze >/dev/null; then
  for unit in natlens-record natlens-watch; do
    # verify looks for the program where the unit names it.
    sed "s,=/usr/bin/natlens,=$root/usr/bin/natlens," "$root/usr/lib/systemd/system/$unit.service" >"$root/$unit.service"
    systemd-analyze verify --man=no "$root/$unit.service"
    exposure=$(systemd-analyze security --offline=true "$root/$unit.service" | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
    awk -v e="$exposure" 'BEGIN { exit !(e != "" && e <= 2.1) }' || fail "$unit.service is exposed: $exposure"
  done
fi
echo "$deb holds what it should"
