#!/usr/bin/env bash
# Makes the packages of natlens in dist/. Usage: packaging/build.sh [ARCH ...], ARCH one of amd64 arm64 armv7 mips mipsel.
# The same commit makes the same bytes: times are the commit's, files are root's, nothing of this machine gets in.
# VERSION is the version in the packages; without it, the newest tag, or 0 and the commit's time.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

git() { command git -c safe.directory='*' "$@"; } # the clone may be another user's

export CGO_ENABLED=0 GOOS=linux GOFLAGS='-trimpath -buildvcs=false' LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
VERSION=${VERSION:-$(git describe --tags --match 'v*' 2>/dev/null || git log -1 --date=format-local:%Y%m%d.%H%M%S --format=0.%cd)}
export VERSION=${VERSION#v}

here() { env -u GOOS -u GOARCH -u GOARM -u GOMIPS GOFLAGS='-trimpath -buildvcs=false' "$@"; } # for this machine
tool() { here go tool -modfile=packaging/tools.mod "$@"; }
natlens() { here go run ./cmd/natlens "$@"; }

# common puts what all packages hold under DIR: manual pages, completions, units, examples, dashboards, licences.
common() {
  local share=$1/usr/share shell
  install -d "$share/man/man1" "$share/man/man7" "$share/doc/natlens" "$share/natlens/grafana"
  for page in cmd/natlens/man/pages/*.[17]; do
    gzip -9n <"$page" >"$share/man/man${page##*.}/${page##*/}.gz"
  done
  for shell in bash:bash-completion/completions/natlens zsh:zsh/vendor-completions/_natlens fish:fish/vendor_completions.d/natlens.fish; do
    install -D -m 644 /dev/stdin "$share/${shell##*:}" < <(natlens completion "${shell%%:*}")
  done
  install -m 644 docs/event.schema.json "$share/natlens/"
  install -m 644 docs/grafana/*.json "$share/natlens/grafana/"
  install -m 644 README.md CHANGELOG.md SECURITY.md LICENSE packaging/config.toml "$share/doc/natlens/"
  licences >"$share/doc/natlens/THIRD-PARTY-LICENSES"
  gzip -9n <"$share/doc/natlens/THIRD-PARTY-LICENSES" >"$work/licences.gz" # for routers
}

# licences prints the licence texts of all modules that are in the binary.
licences() {
  go list -deps -f '{{with .Module}}{{if .Dir}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/natlens | sort -u |
    while read -r path version dir; do
      [ "$path" != natlens ] || continue
      printf '\n==== %s %s\n\n' "$path" "$version"
      find "$dir" -maxdepth 1 -type f \( -iname 'license*' -o -iname 'copying*' -o -iname 'notice*' \) | sort | xargs cat
    done
  printf '\n==== the Go standard library\n\n'
  cat "$(go env GOROOT)/LICENSE"
}

# build makes the packages of one ARCH.
build() {
  local arch=$1 root=$work/$1
  case $arch in
    amd64 | arm64) export GOARCH=$arch ;;
    armv7) export GOARCH=arm GOARM=7 ;;
    mips) export GOARCH=mips GOMIPS=softfloat ;;
    mipsel) export GOARCH=mipsle GOMIPS=softfloat ;;
    *) echo "build.sh: $arch is no architecture of the packages: amd64, arm64, armv7, mips or mipsel" >&2; exit 2 ;;
  esac
  cp -a "$work/common" "$root"
  install -d "$root/usr/bin"
  case $arch in
    mips*)
      rm -r "$root/usr/share/man" # the pages describe the whole program
      make --no-print-directory small SMALL="$root/usr/bin/natlens" >/dev/null # by GOARCH and VERSION
      ;;
    *) go build -ldflags "-s -w -X natlens/cmd/natlens/cli.Version=$VERSION" -o "$root/usr/bin/natlens" ./cmd/natlens ;;
  esac
  tool cyclonedx-gomod bin -json -noserial -notimestamp -version "$VERSION" -output "dist/natlens-$VERSION-$arch.sbom.json" "$root/usr/bin/natlens" 2>/dev/null
  find "$root" "$work/licences.gz" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  archive "$arch" "$root"
  export ARCH=$GOARCH STAGE=$root LICENCES=$work/licences.gz
  [ "$arch" != armv7 ] || ARCH=arm7
  case $arch in
    mips*) package ipk ;;
    *) for format in deb rpm apk archlinux ipk; do package "$format"; done ;;
  esac
}

package() {
  case $1:$arch in # OpenWrt's names
    ipk:amd64) ARCH=x86_64 ;;
    ipk:arm64) ARCH=aarch64_generic ;;
    ipk:armv7) ARCH=arm_cortex-a7 ;;
    ipk:mips) ARCH=mips_24kc ;;
    ipk:mipsel) ARCH=mipsel_24kc ;;
  esac
  local file=packaging/nfpm.yaml
  [ "$1" != ipk ] || file=packaging/openwrt/nfpm.yaml
  tool nfpm package -f "$file" -p "$1" -t dist/ >/dev/null
}

# archive makes the tar file of an ARCH: one folder with the tree of the packages.
archive() {
  local name=natlens-$VERSION-linux-$1
  tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --mode=go-w \
    --transform "s,^\./,$name/," --directory "$2" ./usr | gzip -9n >"dist/$name.tar.gz"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf dist
mkdir dist
touch -d "@$SOURCE_DATE_EPOCH" packaging/scripts/*.sh # the apk has the times of these files
common "$work/common"
[ $# -gt 0 ] || set -- amd64 arm64 armv7 mips mipsel
for arch; do build "$arch"; done
(cd dist && sha256sum -- * >SHA256SUMS)
