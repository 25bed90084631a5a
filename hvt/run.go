package hvt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/machine"
)

// Run executes the guest until it halts, and may be called once. It fails
// with a *GuestError when the guest broke the contract or crashed, and with
// the cause of ctx soon after that ends, unless a Write of the console or a
// block device holds it up. Run occupies the calling goroutine's thread.
func (vm *VM) Run(ctx context.Context) (machine.Exit, error) {
	if err := vm.life.Begin(); err != nil {
		return machine.Exit{}, fmt.Errorf("%s: %w", vm.name, err)
	}
	defer vm.life.End()
	if ctx.Err() != nil {
		return machine.Exit{}, context.Cause(ctx)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	// The thread is still ours when the last signal is sent: a stop that has
	// begun is waited for.
	thread := unix.Gettid()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		vm.interrupt(thread)
		close(stopped)
	})
	defer func() {
		if !cancel() {
			<-stopped
		}
	}()

	if vm.ring != nil {
		vm.ring.start(fail)
	}
	if vm.path != nil {
		vm.path.start(fail)
	}
	var err error
	if vm.gdb != nil {
		err = vm.debug(ctx, vm.gdb, thread)
	} else {
		err = vm.loop(ctx, thread)
	}
	if vm.ring != nil {
		err = vm.endRing(err)
	}
	if vm.path != nil {
		err = vm.path.end(err)
	}
	var g *GuestError
	switch {
	case err == nil:
		vm.signal = unix.SIGABRT
		return vm.host.exit, nil
	case errors.As(err, &g):
	case errors.Is(err, errStopped):
		return machine.Exit{}, context.Cause(ctx)
	default:
		return machine.Exit{}, fmt.Errorf("%s: %w", vm.name, err)
	}
	g.Guest, vm.signal = vm.name, unix.SIGSEGV
	if rip, err := vm.vcpu.rip(); err == nil {
		g.RIP, g.HasRIP = rip, true
	}
	return machine.Exit{}, g
}

// endRing stops the network ring after the loop has ended with err. Frames
// that a guest submitted before it halted are sent.
func (vm *VM) endRing(err error) error {
	ringErr := vm.ring.stop()
	if ringErr == nil && err == nil {
		_, ringErr = vm.ring.drain()
	}
	if ringErr != nil && (err == nil || errors.Is(err, errStopped)) {
		return ringErr
	}
	return err
}

// errInterrupted says that KVM_RUN has returned because it was asked to.
var errInterrupted = errors.New("interrupted")

// interrupt has the loop that runs on the thread look at the context, wherever
// it is: before KVM_RUN the flag makes it return, inside the signal does, and
// in POLL the eventfd. SIGURG is the signal the Go runtime itself uses to
// interrupt threads, so it needs no handler.
func (vm *VM) interrupt(thread int) {
	requestExit(vm.vcpu.mapping)
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	// Neither call can fail in a way that matters: the eventfd is ours and
	// empty, the thread waits for us.
	unix.Write(vm.stopFD, one[:])
	unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
}

// loop enters the guest again and again. It allocates only when the guest
// ends.
func (vm *VM) loop(ctx context.Context, thread int) error {
	if vm.events.at != nil {
		if t, err := startTicker(thread); err != nil {
			vm.logf("%s: a program that computes without end will keep all else from the guest's CPU: no timer: %v", vm.name, err)
		} else {
			defer t.stop()
		}
		if vm.events.begin(thread) {
			vm.interrupt(thread)
		}
		defer vm.events.end()
	}
	for {
		done, err := vm.once()
		switch err {
		case errInterrupted:
			err = vm.interrupted(ctx)
		case errStopped:
			err = vm.endPoll(ctx)
		}
		if done || err != nil {
			return err
		}
	}
}

// once enters the guest and serves what it comes out for. It reports true when
// the guest is done. It fails with errInterrupted if there is nothing to serve
// and with errStopped if a POLL was cut short.
func (vm *VM) once() (done bool, err error) {
	run := vm.vcpu.run
	switch errno := enter(vm.vcpu.fd, vm.keepProc); errno {
	case 0:
	case unix.EINTR:
		return false, errInterrupted
	case unix.EFAULT:
		return false, breach(BreachTranslation, "host/guest translation fault")
	default:
		return false, fmt.Errorf("KVM_RUN: %w", errno)
	}
	if kvm.ExitType(run.ExitReason) != kvm.EXITIO {
		return false, vm.ended(run)
	}
	port, value, err := vm.out(run)
	if err != nil {
		return false, err
	}
	vm.call = hypercall{port - abi.HypercallPort, value}
	return vm.serve()
}

// hypercall is one that the guest has made.
type hypercall struct {
	number uint16
	args   uint64 // GPA
}

// serve serves the last hypercall; it may be repeated after errStopped. A
// guest that has not seen yet that it shall stop does not sleep.
func (vm *VM) serve() (done bool, err error) {
	if vm.call.number == abi.HypercallPoll && vm.events.stopping() {
		return false, vm.host.pollResult(vm.call.args, 0)
	}
	return vm.host.hypercall(vm.call.number, vm.call.args)
}

// out is the port and the value of an exit by OUT, if they are a hypercall's.
func (vm *VM) out(run *kvm.RunData) (port uint16, value uint64, err error) {
	direction, width, p, _, offset := run.IO()
	port = uint16(p)
	if direction != kvm.EXITIOOUT || width != 4 || port < abi.HypercallPort || port > abi.HypercallPort+abi.HypercallMax {
		what := "OUT"
		if direction != kvm.EXITIOOUT {
			what = "IN"
		}
		return 0, 0, breach(BreachPort, "Invalid guest port access: %s, port=%#x, width=%d", what, port, width)
	}
	if offset > uint64(len(vm.vcpu.mapping))-4 {
		return 0, 0, errors.New("KVM_RUN: the data of an I/O exit is outside the vCPU's mapping")
	}
	return port, uint64(binary.LittleEndian.Uint32(vm.vcpu.mapping[offset:])), nil
}

// ended explains an exit that is no I/O; nil means to go on.
func (vm *VM) ended(run *kvm.RunData) error {
	reason := kvm.ExitType(run.ExitReason)
	switch reason {
	case kvm.EXITINTR:
		return nil
	case kvm.EXITMMIO:
		// A write to read-only memory is EFAULT where the CPU walks nested
		// page tables, and comes here where KVM does it.
		if run.Data[0] < uint64(len(vm.host.mem.bytes)) {
			return breach(BreachTranslation, "host/guest translation fault: gpa=%#x", run.Data[0])
		}
		return breach(BreachExit, "unhandled exit: exit_reason=%#x, gpa=%#x", run.ExitReason, run.Data[0])
	case kvm.EXITFAILENTRY:
		return breach(BreachEntry, "KVM_RUN: the CPU refused the guest's state: hardware reason %#x", run.Data[0])
	case kvm.EXITINTERNALERROR:
		note := ""
		if vm.emulated {
			note = "; this /dev/kvm emulates kernel-mode code, without SSE: run the guest on a host with hardware virtualisation, or build it to start in user mode"
		}
		return breach(BreachEmulation, "KVM_RUN: internal error: suberror=%#x%s", uint32(run.Data[0]), note)
	case kvm.EXITHLT:
		if vm.mode == StartUser {
			return breach(BreachExit, "unhandled exit: exit_reason=%#x, exception in the tender's fault stub", run.ExitReason)
		}
	}
	return breach(BreachExit, "unhandled exit: exit_reason=%#x", run.ExitReason)
}
