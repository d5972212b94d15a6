#!/bin/sh
# Makes the user of the units. It starts nothing: the administrator enables the units.
set -e
if ! id natlens >/dev/null 2>&1; then
  if command -v systemd-sysusers >/dev/null 2>&1; then
    systemd-sysusers natlens.conf
  elif command -v useradd >/dev/null 2>&1; then
    useradd --system --user-group --home-dir /var/lib/natlens --no-create-home --shell /usr/sbin/nologin natlens
  elif command -v adduser >/dev/null 2>&1; then
    addgroup -S natlens
    adduser -S -D -H -h /var/lib/natlens -s /sbin/nologin -G natlens natlens
  fi
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  systemctl try-restart natlens-record.service natlens-watch.service || true
fi
