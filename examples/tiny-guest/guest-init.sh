#!/bin/busybox sh
# The guest's first process: mounts, loads the modules, brings the network up, serves a page, says that it is ready, and
# shuts down cleanly when the power button is pressed.
/bin/busybox --install -s /bin
export PATH=/bin TERM=dumb
mkdir -p /proc /sys /dev /run /tmp /www
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
say() { echo "tiny-guest: $*"; }

for module in /lib/*.ko; do
  insmod "$module" 2>/dev/null || say "the module $module does not load"
done

. /etc/tiny-guest.conf
hostname "$name"

# Words of the kernel's command line that are meant for us.
has() { grep -qw -- "$1" /proc/cmdline; }
value() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p" | tail -n 1; }

say "booting $name: $vcpu vcpu, $memory_mib MiB"

for entry in $mounts; do
  device=/dev/${entry%%:*}
  rest=${entry#*:}
  mkdir -p "${rest%%:*}"
  if mount -t "${rest#*:}" "$device" "${rest%%:*}"; then
    boots=$(($(cat "${rest%%:*}/.boots" 2>/dev/null || echo 0) + 1))
    echo $boots >"${rest%%:*}/.boots"
    say "mounted ${rest%%:*} from $device, boot $boots of this volume"
  else
    say "cannot mount ${rest%%:*} from $device"
  fi
done

# What systemd-networkd would do: addresses, routes and name servers of one interface, as `MAC|ADDRESSES|ROUTES|SERVERS`.
static() {
  old_ifs=$IFS
  IFS='|'
  set -- "$1" $2
  IFS=$old_ifs
  for address in $3; do
    case $address in
      *:*) echo 0 >"/proc/sys/net/ipv6/conf/$1/accept_dad"; ip -6 addr add "$address" dev "$1" ;;
      *) ip addr add "$address" dev "$1" ;;
    esac && say "has $address on $1"
  done
  for route in $4; do
    destination=${route%%,*}
    gateway=${route#*,}
    case $destination in *:*) version=-6 ;; *) version=-4 ;; esac
    ip $version route add "$destination" ${gateway:+via "$gateway"} dev "$1" || say "no route to $destination"
  done
  for server in $5; do echo "nameserver $server" >>/etc/resolv.conf; done
}

ip link set lo up
for device in /sys/class/net/*; do
  device=${device##*/}
  [ "$device" = lo ] && continue
  ip link set "$device" up
  mac=$(cat "/sys/class/net/$device/address")
  given=$(echo "$networks" | grep -i "^$mac|")
  if [ -n "$given" ]; then
    static "$device" "$given"
  elif [ "$user_net" = yes ]; then
    # QEMU's user network always has these addresses.
    ip addr add 10.0.2.15/24 dev "$device"
    ip route add default via 10.0.2.2
    user_net=done
  else
    udhcpc -i "$device" -b -q >/dev/null 2>&1 &
  fi
done

uid=$(value n3x.uid)
cat >/www/index.html <<PAGE
<!doctype html><title>$name</title><h1>$name</h1>
<table>
<tr><th>name<td>$name
<tr><th>vcpu<td>$(grep -c ^processor /proc/cpuinfo) of $vcpu
<tr><th>memory<td>$memory_mib MiB
<tr><th>uid<td>$uid
<tr><th>kernel<td>$(uname -r)
<tr><th>parameters<td>$(cat /proc/cmdline)
</table>
PAGE
cat >/www/metadata.json <<JSON
{"name":"$name","vcpu":$vcpu,"memoryMib":$memory_mib,"uid":"$uid","bootId":"$(cat /proc/sys/kernel/random/boot_id)","ports":"$ports"}
JSON

# The kernel's power button arrives as an input event.
off() {
  if has tiny.ignore-shutdown; then
    say "power button pressed, ignored as told"
    return
  fi
  say "power button pressed, shutting down"
  killall httpd 2>/dev/null
  sync
  umount -a -r 2>/dev/null
  say "file systems unmounted, powering off"
  poweroff -f
}
(
  for event in /dev/input/event*; do
    while dd if="$event" bs=24 count=1 2>/dev/null | grep -q .; do off; done &
  done
  wait
) &

# Counts to whoever listens there, for as long as this boot lives: `name boot number`, five times a second.
count_to=$(value tiny.count)
if [ -n "$count_to" ]; then
  boot=$(cat /proc/sys/kernel/random/boot_id)
  while :; do
    number=0
    while usleep 200000; do number=$((number + 1)) && echo "$name $boot $number"; done |
      nc "${count_to%:*}" "${count_to#*:}" >/dev/null 2>&1
    sleep 1
  done &
fi

has tiny.not-ready || echo "n3x-guest-ready"
has tiny.exit && poweroff -f
# Last: who gets an answer finds all of the above done.
for port in $ports; do httpd -p "$port" -h /www; done
say "a shell on this console: type and press enter"
while :; do setsid cttyhack sh; sleep 1; done
