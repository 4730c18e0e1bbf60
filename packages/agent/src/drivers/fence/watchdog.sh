#!/bin/sh
# The part of the dead-man's switch that does not depend on n3xd. Counts to a deadline and then kills what belongs to
# the fenced VMs of one n3xd, whatever n3xd does meanwhile.
#
#   watchdog.sh DIRECTORY DEADLINE MARK   kills every process with MARK (NAME=VALUE) in its environment
#   watchdog.sh DIRECTORY DEADLINE        stops and kills the units that are listed in DIRECTORY/units
#
# Times are hundredths of a second since boot, as in /proc/uptime: they go on while the machine sleeps. DIRECTORY holds:
#   deadline      the deadline in force; n3xd replaces it, always whole
#   watchdog      who counts; another one than this ends. With MARK: a process id, else a deadline
#   firing.NAME   made before the last look at `deadline`: whoever wrote a later one and then does not see this file
#                 knows that it was heeded
directory=$1 deadline=$2 mark=${3-}
name=${mark:+$$}
name=${name:-$deadline}

# The last one to go when memory runs out. Refused without privilege, and then it is as any other.
{ echo -1000 >/proc/self/oom_score_adj; } 2>/dev/null

look() {
  read -r up rest </proc/uptime
  now=$((${up%.*} * 100 + 1${up#*.} - 100))
}

# Takes over a later deadline from the directory. An earlier one is that of before this one was started, or comes with a
# process of its own. Without an answer the last one known stays in force.
heed() {
  wanted=
  { read -r wanted <"$directory/deadline"; } 2>/dev/null
  case $wanted in '' | *[!0-9]*) return ;; esac
  [ "$wanted" -gt "$deadline" ] && deadline=$wanted
}

replaced() {
  other=
  { read -r other <"$directory/watchdog"; } 2>/dev/null
  [ -n "$other" ] && [ "$other" != "$name" ]
}

# Prints the given field of proc_pid_stat(5), counted from the state on: what is before it may hold anything.
field() {
  stat=
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null
  number=$2
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  eval "echo \"\${$number-}\""
}

started() {
  field "$1" 20
}

# Whether the process belongs to a VM that was handed back, by the leader of its group.
spared() {
  ticks=
  leader=$(field "$1" 3)
  { read -r ticks <"$directory/spared/$leader"; } 2>/dev/null
  [ -n "$ticks" ] && [ "$(started "$leader")" = "$ticks" ]
}

processes() {
  grep -lzxF "$mark" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do
    spared "$pid" || echo "$pid"
  done
  for file in "$directory"/processes/*; do
    { read -r pid ticks <"$file"; } 2>/dev/null || continue
    [ "$(started "$pid")" = "$ticks" ] && echo "$pid"
  done
}

# Processes multiply and may be missed by a look while they are in the middle of an exec. So it is looked again until
# three looks in a row show nothing but what was killed already: SIGKILL cannot be refused, only take effect late.
kill_processes() {
  killed=' ' quiet=0
  while [ $quiet -lt 3 ]; do
    quiet=$((quiet + 1))
    for pid in $(processes); do
      kill -KILL "$pid" 2>/dev/null
      case $killed in *" $pid "*) continue ;; esac
      killed="$killed$pid "
      quiet=0
    done
    sleep 0.1
  done
}

# A unit with a stop in its queue is not restarted, so the stop comes before the kill; the kill also ends the scripts that
# the stop would wait for. Again until all are down, since one may have been between two states.
stop_units() {
  rounds=0
  while [ $rounds -lt 600 ]; do
    set --
    for file in "$directory"/units/*; do
      [ -e "$file" ] && set -- "$@" "${file##*/}"
    done
    [ $# -eq 0 ] && return
    systemctl stop --no-block -- "$@"
    systemctl kill --signal=SIGKILL -- "$@"
    systemctl show --property=ActiveState,MainPID -- "$@" | grep -qE '^(ActiveState=(active|activating|deactivating|reloading)|MainPID=[1-9])' || return
    rounds=$((rounds + 1))
    sleep 0.1
  done
}

# Whoever waits for the answer hears that the clock can be read and, with a mark, that looking for processes works.
look
if [ -n "$mark" ]; then
  processes >/dev/null
  grep -lzxF "$mark" /dev/null 2>/dev/null
  [ $? -le 1 ] || exit 1
fi
echo counting
exec >/dev/null 2>&1

while :; do
  heed
  replaced && exit 0
  look
  left=$((deadline - now))
  if [ $left -gt 0 ]; then
    # Sleeping is counted by a clock that stands still while the machine sleeps: in slices, so that little is lost.
    [ $left -gt 100 ] && left=100
    sleep "$((left / 100)).$((left / 10 % 10))$((left % 10))"
    continue
  fi
  : >"$directory/firing.$name"
  heed
  look
  if [ "$deadline" -gt "$now" ]; then
    rm -f "$directory/firing.$name"
    continue
  fi
  if [ -n "$mark" ]; then kill_processes; else stop_units; fi
  echo "$deadline" >"$directory/fired"
  rm -f "$directory/firing.$name"
  exit 0
done
