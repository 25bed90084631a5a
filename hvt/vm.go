package hvt

import (
	"errors"
	"fmt"
	"io"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/datapath"
	"tender/image"
	"tender/machine"
)

// VM is one guest, from New to Close. Its methods may be called by different
// goroutines; Run once.
type VM struct {
	name string
	mode Start // StartKernel or StartUser
	// keepProc is Config.KeepProc.
	keepProc bool
	// emulated says that this KVM does not run kernel-mode code natively.
	emulated bool
	host     host
	system   []byte // the system slot of a user-mode start
	vmFD     int
	stopFD   int // eventfd that ends POLL
	vcpu     *vcpu
	ring     *ringThread // nil if it is not offered
	path     *path       // nil if it is not offered
	call     hypercall   // the last one
	events   events
	gdb      io.ReadWriteCloser
	logf     func(format string, args ...any)
	// faultEntry is the image's, for a user-mode start.
	faultEntry uint64
	// signal is what a core file gives as the cause of the guest's end.
	signal unix.Signal

	life machine.Life
}

var _ machine.Machine = (*VM)(nil)

// New builds a guest that is ready to run. The caller calls Close.
//
// Besides errors of the image's, it fails with *machine.MissingDevicesError and
// *machine.UndeclaredDeviceError, and with the unix.Errno of /dev/kvm wrapped.
func New(c Config) (*VM, error) {
	vm, err := build(c)
	if err != nil {
		return nil, err
	}
	if vm.mode == StartKernel {
		if native, err := nativeKernelMode(); err == nil && !native {
			vm.emulated = true
			c.Logf("%s: this /dev/kvm emulates kernel-mode code, without SSE: it is slow, and ends at the first such instruction", vm.name)
		}
	}
	return vm, nil
}

// build is New without the probe, which itself builds guests.
func build(c Config) (_ *VM, err error) {
	if c.Image == nil {
		return nil, errors.New("no image")
	}
	if err := c.Image.CheckTarget(abi.TargetHVT, abi.VersionHVT); err != nil {
		return nil, err
	}
	vm := &VM{name: c.Image.Name, vmFD: -1, stopFD: -1, signal: unix.SIGTERM, keepProc: c.KeepProc, gdb: c.GDB, logf: c.Logf}
	defer func() {
		if err != nil {
			err = errors.Join(err, vm.release())
		}
	}()
	if vm.mode, err = c.start(); err != nil {
		return nil, fmt.Errorf("%s: %w", vm.name, err)
	}
	memBytes, err := c.memBytes()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", vm.name, err)
	}
	cmdline, err := c.Cmdline()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", vm.name, err)
	}
	if vm.stopFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("cannot create an eventfd: %w", err)
	}
	note := c.Image.Tender
	masked := note != nil && note.Flags&abi.FlagPollMask != 0
	vm.host.poll = newPoller(vm.stopFD, masked)
	vm.host.console = c.Console
	if c.Console == nil {
		vm.host.console = io.Discard
	}
	entries, err := vm.host.attach(&c)
	if err != nil {
		return nil, err
	}
	var ringBytes uint64
	var layout *datapath.Layout
	switch {
	case !vm.host.hasNet:
	case wantsRing(note):
		ringBytes = abi.NetRingReserve
	case note != nil && note.Flags&abi.FlagUMEM != 0:
		if layout, err = vm.host.layOutPath(memBytes); err != nil {
			c.Logf("%s: frames cost the guest an exit each: %v", vm.name, err)
			break
		}
		ringBytes = (layout.Bytes() + abi.HVTMemGranularity - 1) &^ (abi.HVTMemGranularity - 1)
	}
	memBytes = min(memBytes, abi.HVTMaxMem-ringBytes)
	if vm.host.mem, err = newMemory(memBytes, ringBytes); err != nil {
		return nil, err
	}
	// The kernel makes the machine while another thread fills its memory:
	// each takes about as long.
	loaded := make(chan error, 1)
	end := imageEnd(c.Image)
	boot := bootInfo{entries: entries, cmdline: cmdline, heapAt: end}
	if takesEvents(c.Image) {
		boot.heapAt = vm.host.mem.heapAt(end)
	}
	go func() {
		vm.host.mem.fetch(end, boot.heapAt)
		var err error
		boot.kernelEnd, err = c.Image.Load(vm.host.mem.bytes)
		loaded <- err
	}()
	createErr := vm.create()
	if err := <-loaded; err != nil {
		return nil, err
	}
	if createErr != nil {
		return nil, createErr
	}
	if masked {
		boot.hostFeatures |= abi.HostPollMask
	}
	switch {
	case layout != nil:
		if err := vm.offerPath(&c, *layout); err != nil {
			return nil, fmt.Errorf("%s: %w", vm.name, err)
		}
	case ringBytes != 0:
		if err := vm.offerRing(&boot); err != nil {
			c.Logf("%s: the guest gets no network ring, which is slower: %v", vm.name, err)
		}
	}
	if err := vm.prepare(c.Image, boot); err != nil {
		return nil, err
	}
	return vm, nil
}

// create makes the virtual machine and its vCPU and gives it its memory.
func (vm *VM) create() (err error) {
	kvmFD, err := openKVM()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(kvmFD)) }()
	fd, err := uninterrupted(func() (uintptr, error) { return kvm.CreateVM(uintptr(kvmFD)) })
	if err != nil {
		return fmt.Errorf("/dev/kvm: cannot create a virtual machine: %w", err)
	}
	vm.vmFD = int(fd)
	if err := setMemory(vm.vmFD, 0, 0, vm.host.mem.mapping); err != nil {
		return fmt.Errorf("/dev/kvm: cannot give the guest its memory: %w", err)
	}
	if vm.vcpu, err = newVCPU(kvmFD, vm.vmFD); err != nil {
		return fmt.Errorf("/dev/kvm: %w", err)
	}
	return nil
}

// wantsRing says whether an image with the note shall be offered the network
// ring. It takes memory and a thread, so those that say what they can, and do
// not say that they use it, are not.
func wantsRing(note *abi.TenderNote) bool { return note == nil || note.Flags&abi.FlagRingIO != 0 }

// offerRing makes the network ring behind the guest's memory. Every guest can
// do without.
func (vm *VM) offerRing(boot *bootInfo) (err error) {
	if vm.ring, err = newRingThread(vm.vmFD, &vm.host, vm.host.mem.ring); err != nil {
		return err
	}
	for i := range vm.host.nets {
		vm.host.nets[i].shared = true
	}
	boot.hostFeatures |= abi.HostRingIO
	boot.netRing = uint64(len(vm.host.mem.bytes))
	return nil
}

// prepare writes what the guest finds at its first instruction.
func (vm *VM) prepare(im *image.Image, boot bootInfo) (err error) {
	mem := &vm.host.mem
	if boot.cycleHz, err = vm.vcpu.cycleHz(); err != nil {
		return fmt.Errorf("/dev/kvm: %w", err)
	}
	boot.write(mem)
	ranges := im.Ranges()
	regs := kvm.Regs{RIP: im.Entry, RSP: uint64(len(mem.bytes)) - 8, RDI: abi.HVTBootInfo}
	if vm.mode == StartKernel {
		kernelTables(mem, uint64(len(mem.mapping)))
		err = vm.vcpu.enterKernel(regs)
	} else if err = vm.mapSystem(im, ranges); err == nil {
		err = vm.vcpu.enterUser(regs)
	}
	if err != nil {
		return fmt.Errorf("%s: cannot start in %s mode: %w", vm.name, vm.mode, err)
	}
	if err := vm.events.find(im, mem, ranges, boot.heapAt); err != nil {
		return fmt.Errorf("%s: %w", vm.name, err)
	}
	mem.seal(ranges)
	if vm.mode == StartKernel {
		return mem.protect()
	}
	return nil
}

// mapSystem makes the system slot of a user-mode start.
func (vm *VM) mapSystem(im *image.Image, ranges []image.Range) (err error) {
	handler := im.Tender.FaultEntry
	vm.faultEntry = handler
	for _, at := range []uint64{im.Entry, handler} {
		if !executable(ranges, at) {
			return fmt.Errorf("entry point %#x is in no executable segment; build the image again", at)
		}
	}
	if vm.system, err = newSystemSlot(uint64(len(vm.host.mem.mapping)), ranges, handler); err != nil {
		return err
	}
	if err := setMemory(vm.vmFD, 1, abi.UserSystemBase, vm.system); err != nil {
		return fmt.Errorf("cannot give the guest its page tables: %w", err)
	}
	return nil
}

// Close releases the guest's memory, vCPU and descriptors, but no device. A
// running guest must be stopped first, by the context of Run. A second Close
// is an error.
func (vm *VM) Close() error {
	if err := vm.life.Close(); err != nil {
		return fmt.Errorf("%s: %w", vm.name, err)
	}
	return vm.release()
}

func (vm *VM) release() error {
	var errs []error
	if vm.vcpu != nil {
		errs = append(errs, vm.vcpu.close())
	}
	if vm.ring != nil {
		errs = append(errs, vm.ring.close())
	}
	if vm.path != nil {
		errs = append(errs, vm.path.close())
	}
	for _, fd := range []int{vm.vmFD, vm.stopFD} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	if vm.system != nil {
		errs = append(errs, unix.Munmap(vm.system))
	}
	return errors.Join(append(errs, vm.host.mem.unmap())...)
}
