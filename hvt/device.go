package hvt

import (
	"errors"
	"fmt"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

// apiVersion is the only version of the KVM interface there has ever been.
const apiVersion = 12

// openKVM opens /dev/kvm and checks that it can do what hvt needs.
func openKVM() (int, error) {
	fd, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, kvmOpenError(err)
	}
	if err := checkKVM(fd); err != nil {
		return -1, errors.Join(fmt.Errorf("/dev/kvm: %w", err), unix.Close(fd))
	}
	return fd, nil
}

func kvmOpenError(err error) error {
	mend := "see the kernel log"
	switch err {
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		mend = "load the module (modprobe kvm_intel or modprobe kvm_amd), and enable virtualisation in the firmware if that fails; in a container, pass the device in"
	case unix.EACCES, unix.EPERM:
		mend = "join the group that owns it (usermod -aG kvm $USER, then log in again) or run as root"
	case unix.EMFILE, unix.ENFILE:
		mend = "raise the limit of open files (ulimit -n)"
	}
	return fmt.Errorf("cannot open /dev/kvm: %w; %s", err, mend)
}

func checkKVM(fd int) error {
	version, err := kvm.GetAPIVersion(uintptr(fd))
	if err != nil {
		return fmt.Errorf("cannot read the version of the KVM interface: %w; is it the KVM device?", err)
	}
	if version != apiVersion {
		return fmt.Errorf("KVM interface version %d, not %d; use a newer kernel", version, apiVersion)
	}
	for _, c := range []struct {
		capability kvm.Capability
		what       string
	}{
		{kvm.CapUserMemory, "user memory"},
		{kvm.CapGetTSCkHz, "the frequency of the time stamp counter"},
		{kvm.CapImmediateExit, "immediate exit"},
	} {
		if n, err := kvm.CheckExtension(uintptr(fd), c.capability); err != nil || n == 0 {
			return fmt.Errorf("KVM does not offer %s; use a newer kernel", c.what)
		}
	}
	return nil
}

// extendedStates is the XCR0 that a user-mode guest is to get: x87, SSE, AVX
// and, where the host has all of it, AVX-512. It is 0 where there is no XSAVE.
func (t *cpuidTable) extendedStates() uint64 {
	const x87, sse, avx, avx512 = 1 << 0, 1 << 1, 1 << 2, 7 << 5
	states := t.leaf(0xd, 0)
	if states == nil || states.Eax&(x87|sse) != x87|sse {
		return 0
	}
	xcr0 := uint64(x87 | sse | states.Eax&avx)
	if xcr0&avx != 0 && states.Eax&avx512 == avx512 {
		xcr0 |= avx512
	}
	return xcr0
}

func (t *cpuidTable) leaf(function, index uint32) *kvm.CPUIDEntry2 {
	for i := range t.entries[:min(int(t.n), len(t.entries))] {
		if e := &t.entries[i]; e.Function == function && e.Index == index {
			return e
		}
	}
	return nil
}
