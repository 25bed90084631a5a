#!/bin/busybox sh
# The first program of the machine: it loads the modules, runs the suites and
# powers off. Lines with @@ are for the program that started the machine.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TENDER=/tender TENDER_CONFORMANCE_GUESTS=/guests TENDER_IMAGES=/images
mkdir -p /proc /sys /dev /tmp /run
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
mount -t tmpfs none /tmp
dmesg -n 1
while read -r module; do
	insmod "/modules/$module" || echo "@@ broken: cannot load $module"
done </modules/order
[ -c /dev/kvm ] || echo "@@ broken: no /dev/kvm"
# Guests may be larger than the machine; they touch little of their memory.
echo 1 >/proc/sys/vm/overcommit_memory
ip link set lo up
while read -r suite; do
	cd "/suites/$suite" || continue
	echo "@@ start $suite"
	./test -test.v -test.run "$(cat /suites/run)" -test.timeout 4m </dev/null
	echo "@@ end $suite $?"
done </suites/order
echo "@@ done"
poweroff -f
