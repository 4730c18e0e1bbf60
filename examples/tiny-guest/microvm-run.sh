#!/bin/sh
# Boots this machine's kernel with an initramfs made of a static busybox. Runs in the VM's state directory and ends as
# QEMU itself, so that whoever started it supervises QEMU.
#   N3X_GUEST_KERNEL   kernel image to boot, instead of the newest in /boot (on NixOS: the booted system's)
#   N3X_GUEST_MODULES  its directory of modules
#   N3X_GUEST_BUSYBOX  a statically linked busybox
#   N3X_KVM            yes or no, when it is known already whether KVM works here
set -eu
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
name=@name@
fail() { echo "microvm-run: $*" >&2; exit 1; }
@preStart@
@createVolumes@
# --- kernel
kernel=${N3X_GUEST_KERNEL:-}
modules=${N3X_GUEST_MODULES:-}
if [ -z "$kernel" ]; then
  kernel=$(ls -1v /boot/vmlinuz-* 2>/dev/null | tail -n 1)
  if [ -n "$kernel" ]; then
    modules=${modules:-/lib/modules/${kernel#/boot/vmlinuz-}}
  elif [ -e /run/booted-system/kernel ]; then
    kernel=/run/booted-system/kernel
    modules=${modules:-$(ls -1d /run/booted-system/kernel-modules/lib/modules/* | tail -n 1)}
  else
    fail "no kernel in /boot and none of NixOS: set N3X_GUEST_KERNEL"
  fi
fi
[ -r "$kernel" ] || fail "the kernel $kernel cannot be read"
busybox=${N3X_GUEST_BUSYBOX:-$(command -v busybox || true)}
[ -x "$busybox" ] || fail "no busybox: install a statically linked one or set N3X_GUEST_BUSYBOX"

# --- initramfs: busybox, init and the few modules the guest needs, in the order they must be loaded
root=.initrd.$$
rm -rf .initrd.*
mkdir -p $root/bin $root/etc $root/lib
cp "$busybox" $root/bin/busybox
cp @init@ $root/init
cp @guestConfig@ $root/etc/tiny-guest.conf
chmod 755 $root/init
order=
if [ -r "$modules/modules.dep" ]; then
  for wanted in virtio_mmio virtio_pci virtio_net virtio_blk button evdev; do
    line=$(grep -m 1 "/$wanted\.ko[.a-z]*:" "$modules/modules.dep" || true)
    needed=
    for dependency in ${line#*:}; do needed="$dependency $needed"; done
    for file in $needed ${line%%:*}; do
      case " $order " in *" $file "*) ;; *) order="$order $file" ;; esac
    done
  done
fi
n=10
for file in $order; do
  target=$root/lib/$n-$(basename "${file%%.ko*}").ko
  case $file in
    *.xz) xz -dc "$modules/$file" >"$target" ;;
    *.zst) zstd -qdc "$modules/$file" >"$target" ;;
    *.gz) gzip -dc "$modules/$file" >"$target" ;;
    *) cp "$modules/$file" "$target" ;;
  esac
  n=$((n + 1))
done
(cd $root && find . | "$busybox" cpio -o -H newc 2>/dev/null) >initrd.cpio
rm -rf $root

# --- KVM, if it works: /dev/kvm can be there and a guest on it still hang. Asked once per boot of this machine.
qemu=$(command -v qemu-system-@arch@) || fail "qemu-system-@arch@ is not installed"
kvm=${N3X_KVM:-}
if [ -z "$kvm" ]; then
  boot=$(cat /proc/sys/kernel/random/boot_id)
  if [ "$(head -n 1 .kvm 2>/dev/null)" = "$boot" ]; then
    kvm=$(tail -n 1 .kvm)
  else
    kvm=no
    if [ -w /dev/kvm ] && [ @arch@ = x86_64 ]; then
      printed=$(timeout -s KILL 3 "$qemu" -M microvm,accel=kvm -cpu host -m 128 -nodefaults -no-user-config \
        -display none -no-reboot -serial stdio -kernel "$kernel" -append "console=ttyS0 earlyprintk=ttyS0 panic=-1" \
        </dev/null 2>/dev/null | head -c 200 | tr -d '\0' || true)
      case $printed in *"Linux version"*) kvm=yes ;; esac
    fi
    printf '%s\n%s\n' "$boot" "$kvm" >.kvm
  fi
fi
# Emulated, the guest measures its time stamp counter against the timer chip when it boots, and hangs when that fails,
# as it does on a busy machine. Counting instructions makes both clocks one, but only works with one processor; for
# several the frequency is told: it is the machine's own.
clock=
if [ "$kvm" = yes ]; then
  cpu="-cpu host" accel=kvm
else
  cpu="-icount shift=auto" accel=tcg
  khz=$(awk -F: '/^cpu MHz/ { printf "%d", $2 * 1000; exit }' /proc/cpuinfo)
  if [ @vcpu@ -gt 1 ]; then
    cpu=
    [ -z "$khz" ] || clock="tsc_early_khz=$khz lpj=$((khz * 4)) "
  fi
fi

case @arch@ in
  x86_64) machine="-M microvm,accel=$accel,acpi=on,rtc=on" console=ttyS0 quirks="pci=off $clock" ;;
  *) machine="-M virt,accel=$accel" console=ttyAMA0 quirks=; [ "$kvm" = yes ] || cpu="-cpu max $cpu" ;;
esac

# The monitor on a pair of pipes is microvm-shutdown's way in: it needs no other tool than the shell.
rm -f "$name.ctl.in" "$name.ctl.out" @socket@
mkfifo "$name.ctl.in" "$name.ctl.out"
qmp=
socket=@socket@
[ -z "$socket" ] || qmp="-qmp unix:$socket,server=on,wait=off"
echo $$ >"$name.pid"
# shellcheck disable=SC2086
exec "$qemu" -name "$name" $machine $cpu -m @mem@M -smp @vcpu@ \
  -nodefaults -no-user-config -display none -no-reboot \
  -kernel "$kernel" -initrd initrd.cpio \
  -append "console=$console reboot=t panic=-1 quiet $quirks"@kernelParams@ \
  -chardev stdio,id=stdio,signal=off -serial chardev:stdio \
  -chardev pipe,id=ctl,path="$name.ctl" -mon chardev=ctl,mode=readline $qmp \
  @deviceArgs@
