#!/bin/sh
# A removed package keeps the configuration and the history. Only purge (deb) deletes them.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
if [ "${1:-}" = purge ]; then
  rm -rf /var/lib/natlens /var/log/natlens /etc/natlens
fi
