#!/bin/sh
# Presses the guest's power button and waits until QEMU is gone. Runs in the VM's state directory.
set -eu
PATH=$PATH:/usr/bin:/bin:/run/current-system/sw/bin
name=@name@
pid=$(cat "$name.pid" 2>/dev/null) || exit 0
# The pid may be another process's by now: only QEMU of this name counts.
alive() { { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -q -- "-name $name "; }
alive || exit 0
# Opened for reading too, so that opening never waits for QEMU.
exec 3<>"$name.ctl.in"
echo system_powerdown >&3
while alive; do sleep 0.1; done
