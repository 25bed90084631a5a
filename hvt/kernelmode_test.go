package hvt

import (
	"errors"
	"strings"
	"testing"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"tender/abi"
)

// The numbers are those of solo5-abi 2.1.
func TestKernelTables(t *testing.T) {
	m := memory{bytes: make([]byte, 8<<20)}
	kernelTables(&m, uint64(len(m.bytes)))
	want := map[uint64]uint64{0x1008: 0x00af99000000ffff, 0x1010: 0x00cf93000000ffff, 0x2000: 0x3003,
		0x3000: 0x4003, 0x3008: 0x5003, 0x3010: 0x6003, 0x3018: 0x7003,
		0x4000: 0x8003, 0x4008: 0x200083, 0x4010: 0x400083, 0x4018: 0x600083}
	for i := uint64(16); i < 256; i++ {
		want[0x8000+8*i] = i<<12 + 1
	}
	for i := uint64(256); i < 512; i++ {
		want[0x8000+8*i] = i<<12 + 3
	}
	for at := uint64(0); at < uint64(len(m.bytes)); at += 8 {
		got := uint64(0)
		for i := range uint64(8) {
			got |= uint64(m.bytes[at+i]) << (8 * i)
		}
		if got != want[at] {
			t.Errorf("%#x: %#x, want %#x", at, got, want[at])
		}
	}
}

// The numbers are those of solo5-abi 2.3.
func TestKernelRegisters(t *testing.T) {
	g := &testGuest{plain: true}
	g.halt(0)
	vm := start(t, g, Config{})
	var s kvm.Sregs
	if err := ioctl(vm.vcpu.fd, ioctlGetSregs, &s); err != nil {
		t.Fatal(err)
	}
	const et = 1 << 4 // always reads as 1
	for _, c := range []struct {
		what      string
		got, want uint64
	}{
		{"CR0", s.CR0 | et, 0x80010021 | et}, {"CR2", s.CR2, 0}, {"CR3", s.CR3, 0x2000}, {"CR4", s.CR4, 0x620}, {"EFER", s.EFER, 0x500},
		{"GDT base", s.GDT.Base, 0x1000}, {"GDT limit", uint64(s.GDT.Limit), 23}, {"IDT limit", uint64(s.IDT.Limit), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s = %#x, want %#x", c.what, c.got, c.want)
		}
	}
	if want := (kvm.Segment{Selector: 8, Limit: 0xffffffff, Typ: 9, S: 1, Present: 1, L: 1, G: 1}); s.CS != want {
		t.Errorf("CS %+v", s.CS)
	}
	for _, d := range []kvm.Segment{s.DS, s.ES, s.FS, s.GS, s.SS} {
		if want := (kvm.Segment{Selector: 0x10, Limit: 0xffffffff, Typ: 3, S: 1, Present: 1, DB: 1, G: 1}); d != want {
			t.Errorf("data segment %+v", d)
		}
	}
	var r kvm.Regs
	if err := ioctl(vm.vcpu.fd, ioctlGetRegs, &r); err != nil {
		t.Fatal(err)
	}
	if want := (kvm.Regs{RIP: textAt, RSP: testMem - 8, RDI: abi.HVTBootInfo, RFLAGS: 2}); r != want {
		t.Errorf("registers %+v, want %+v", r, want)
	}
	mustHalt(t, vm, 0)
}

func TestOpenErrors(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.ENOENT: "modprobe kvm_intel", unix.ENODEV: "modprobe kvm_intel", unix.EACCES: "usermod -aG kvm", unix.EMFILE: "ulimit -n", unix.EIO: "kernel log",
	} {
		err := kvmOpenError(errno)
		if !errors.Is(err, errno) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", errno, err, want)
		}
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if err := checkKVM(null); err == nil {
		t.Error("/dev/null passes for KVM")
	}
}
