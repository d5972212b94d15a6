#!/usr/bin/env bash
# Makes an OCI image with nothing but natlens in it, as dist/natlens-VERSION-ARCH.oci.tar, from the tar file of
# packaging/build.sh. It needs umoci. Usage: packaging/oci.sh amd64|arm64
set -euo pipefail
cd "$(dirname "$0")/.."
git() { command git -c safe.directory='*' "$@"; } # the clone may be another user's

arch=$1
archive=$(echo dist/natlens-*-linux-"$arch".tar.gz)
version=${archive#dist/natlens-} version=${version%-linux-*}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
created=$(git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)
export TZ=UTC

tar -xzf "$archive" -C "$work"
mkdir -p "$work/root/usr/bin" "$work/root/var/lib/natlens" "$work/root/tmp"
cp "$work"/natlens-*/usr/bin/natlens "$work/root/usr/bin/"
find "$work/root" -exec touch -hd "@$(git log -1 --format=%ct)" {} +
umoci init --layout "$work/image"
umoci new --image "$work/image:$version"
umoci insert --image "$work/image:$version" --history.created "$created" "$work/root" /
umoci config --image "$work/image:$version" --created "$created" --history.created "$created" --architecture "$arch" --os linux \
  --config.entrypoint /usr/bin/natlens --config.cmd help --config.workingdir /
umoci gc --layout "$work/image"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -C "$work/image" . \
  >"dist/natlens-$version-$arch.oci.tar"
