#!/bin/sh
# Stops the units when the package is removed, not when it is upgraded.
# deb: remove or upgrade; rpm: how many versions stay; apk and archlinux: nothing or the version.
set -e
case ${1:-} in upgrade | 1) exit 0 ;; esac
if [ -d /run/systemd/system ]; then
  systemctl disable --now natlens-record.service natlens-watch.service || true
fi
