package hvt

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/bobuhiro11/gokvm/kvm"

	"tender/abi"
	"tender/image"
)

// events is how the tender interrupts a guest that can be interrupted. The
// vCPU's goroutine uses it while the guest does not run; only stop is for
// others as well.
type events struct {
	// at is abi.Events in guest memory; nil if the image has none.
	at []byte
	// regs and exception are read at each tick.
	regs      kvm.Regs
	exception vcpuEvents

	mu     sync.Mutex
	thread int  // that of the loop, 0 while it does not run
	asked  bool // stop was called, and the guest has not been told yet
	over   bool // the loop has ended
}

// Offsets in abi.Events.
const (
	eventsEntry      = 0
	eventsTextStart  = 8
	eventsTextEnd    = 16
	eventsStackStart = 24
	eventsStackEnd   = 32
	eventsTick       = 40
	eventsStop       = 48
	eventsRIP        = 56
	eventsRFLAGS     = 64
	eventsHeapAt     = 72
	eventsSize       = 80
)

func takesEvents(im *image.Image) bool {
	return im.Tender != nil && im.Tender.Flags&abi.FlagEvents != 0
}

// find takes abi.Events of the image's note, and says where the heap is to be.
func (e *events) find(im *image.Image, m *memory, ranges []image.Range, heapAt uint64) error {
	if !takesEvents(im) {
		return nil
	}
	at := im.Tender.Events
	for _, r := range ranges {
		if r.Flags&elf.PF_W != 0 && at%8 == 0 && at >= r.Start && at < r.End && r.End-at >= eventsSize {
			e.at = m.bytes[at : at+eventsSize : at+eventsSize]
			e.put(eventsHeapAt, heapAt)
			return nil
		}
	}
	return fmt.Errorf("the image's events at %#x are in no segment that can be written; build the image again", at)
}

func (e *events) get(field int) uint64    { return binary.LittleEndian.Uint64(e.at[field:]) }
func (e *events) put(field int, v uint64) { binary.LittleEndian.PutUint64(e.at[field:], v) }

// begin says that the loop runs on the thread; it reports whether the guest
// was asked to stop before.
func (e *events) begin(thread int) (asked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.thread = thread
	return e.asked
}

func (e *events) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.thread, e.over = 0, true
}

// take reports whether the guest is to be told to stop, once.
func (e *events) take() (asked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked = e.asked
	e.asked = false
	return asked
}

// stopping says that the guest has not seen yet that it shall stop.
func (e *events) stopping() bool { return e.at != nil && e.get(eventsStop) != 0 }

// Stop implements machine.Machine: the guest gets SIGTERM. A guest with a
// debugger cannot be asked, nor can images that were not made by tender.
func (vm *VM) Stop() bool {
	e := &vm.events
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at == nil || e.over || vm.gdb != nil {
		return false
	}
	e.asked = true
	if e.thread != 0 {
		vm.interrupt(e.thread)
	}
	return true
}

// interrupted serves what the guest was interrupted for. It fails with
// errStopped if ctx has ended.
func (vm *VM) interrupted(ctx context.Context) error {
	if exitRequested(vm.vcpu.mapping) {
		vm.calm()
		if ctx.Err() != nil {
			return errStopped
		}
	}
	if vm.events.at == nil {
		return nil
	}
	if vm.events.take() {
		vm.events.put(eventsStop, 1)
	}
	return vm.tick()
}

// endPoll ends the guest's POLL that was cut short, so that the guest looks
// what it was asked for. It fails with errStopped if ctx has ended.
func (vm *VM) endPoll(ctx context.Context) error {
	vm.calm()
	if ctx.Err() != nil {
		return errStopped
	}
	if vm.events.take() {
		vm.events.put(eventsStop, 1)
	}
	return vm.host.pollResult(vm.call.args, 0)
}

// tick makes the program in the guest give way to the guest kernel, or tells
// the guest kernel if that runs. See abi.Events.
func (vm *VM) tick() error {
	e, fd := &vm.events, vm.vcpu.fd
	entry := e.get(eventsEntry)
	if entry == 0 {
		return nil
	}
	r := &e.regs
	if err := ioctl(fd, ioctlGetRegs, r); err != nil {
		return fmt.Errorf("cannot read the vCPU's registers: %w", err)
	}
	if err := ioctl(fd, ioctlGetVCPUEvents, &e.exception); err != nil {
		return fmt.Errorf("KVM_GET_VCPU_EVENTS: %w", err)
	}
	busy := e.exception.injected != 0 || e.exception.pending != 0 || // on its way to a handler
		r.RIP >= uint64(len(vm.host.mem.mapping)) || // in the fault stub
		r.RIP-e.get(eventsTextStart) < e.get(eventsTextEnd)-e.get(eventsTextStart) ||
		r.RSP-e.get(eventsStackStart) <= e.get(eventsStackEnd)-e.get(eventsStackStart)
	if busy {
		e.put(eventsTick, 1)
		return nil
	}
	e.put(eventsRIP, r.RIP)
	e.put(eventsRFLAGS, r.RFLAGS)
	r.RIP = entry
	r.RFLAGS &^= rflagsTF
	if vm.mode == StartUser {
		r.RFLAGS |= rflagsIOPL3
	}
	return vm.vcpu.setRegs(r)
}
