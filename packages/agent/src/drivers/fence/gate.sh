#!/bin/sh
# Starts a fenced VM only before the deadline of the dead-man's switch: gate.sh DIRECTORY PROGRAM [ARGUMENT...]
# This process carries the mark that the switch looks for. So one that passes here is found at the deadline, and one that
# comes too late, because n3xd hung before it started it, does not pass. Without PROGRAM it only answers.
directory=$1
shift
deadline=
{ read -r deadline <"$directory/deadline"; } 2>/dev/null
case $deadline in
  # Never armed since this host was booted.
  '' | *[!0-9]*) ;;
  *)
    read -r up rest </proc/uptime
    if [ $((${up%.*} * 100 + 1${up#*.} - 100)) -ge "$deadline" ]; then
      echo "n3x: not started, because the lease of this host has run out" >&2
      # As the switch itself would have ended it.
      kill -KILL $$
    fi
    ;;
esac
[ $# -eq 0 ] && exit 0
exec "$@"
