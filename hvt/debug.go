package hvt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/hvt/gdb"
)

// ErrKilled says that gdb's user has ended the guest.
var ErrKilled = errors.New("killed by the debugger")

// debugger runs a guest under gdb. All of it happens on the vCPU's goroutine,
// between two KVM_RUN; only what wakes that comes from elsewhere.
//
// In user mode the exceptions are the tender's: their stub halts instead of
// passing them on, so that gdb sees each before the guest does. A breakpoint is
// INT3 there, and a step is RFLAGS.TF. That needs nothing of KVM, whose own
// debugging does not work at CPL 3 where KVM is software. In kernel mode the
// exceptions are the guest's own: a breakpoint is HLT, which no guest may
// execute, and a step is KVM's.
type debugger struct {
	vm     *VM
	server *gdb.Server
	// software are the breakpoints, with the bytes they stand for.
	software map[uint64]byte
	// hardware are the debug registers in use.
	hardware [4]*gdb.Break
	// fault is the exception that the guest stands at, which it has not seen;
	// nil for none.
	fault *abi.FaultRecord
	// unserved says that a stop cut the last hypercall short.
	unserved bool
	stepping bool
}

// debug is loop for a guest with a debugger: it begins with a stop.
func (vm *VM) debug(ctx context.Context, conn io.ReadWriteCloser, thread int) error {
	d := &debugger{vm: vm, software: make(map[uint64]byte)}
	d.server = gdb.NewServer(conn, func() { vm.interrupt(thread) })
	// The end of ctx does not wait for gdb. Closing twice does no harm.
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	d.passExceptions(false)
	detached, err := d.run(ctx)
	if !detached {
		d.report(err)
	}
	unhook()
	d.server.Close()
	// What woke this loop last shall not end the next one, but the end of ctx
	// shall.
	vm.calm()
	if !detached {
		return err
	}
	if ctx.Err() != nil {
		return errStopped
	}
	return vm.loop(ctx, thread)
}

// run executes the guest from stop to stop until it ends, or gdb detaches.
func (d *debugger) run(ctx context.Context) (detached bool, err error) {
	why := &gdb.Stop{Signal: gdb.SIGTRAP}
	for {
		resume := d.server.Serve(d, *why)
		if ctx.Err() != nil {
			return false, errStopped
		}
		switch resume.Action {
		case gdb.Kill:
			return false, ErrKilled
		case gdb.Detach:
			return true, d.release()
		}
		if err := d.resume(resume); err != nil {
			return false, err
		}
		if why, err = d.proceed(ctx); why == nil {
			return false, err
		}
		if err != nil { // the guest's end, which gdb may look at first
			d.server.Serve(d, *why)
			return false, err
		}
	}
}

// proceed executes the guest until it stops. Without a stop it has ended. A
// stop with an error is the last.
func (d *debugger) proceed(ctx context.Context) (*gdb.Stop, error) {
	for {
		var done bool
		var err error
		if d.unserved {
			d.unserved = false
			done, err = d.vm.serve()
		} else {
			done, err = d.vm.once()
		}
		switch {
		case done:
			return nil, nil
		case err == nil:
			if d.stepping && kvm.ExitType(d.vm.vcpu.run.ExitReason) == kvm.EXITIO {
				return d.steppedOver()
			}
			continue
		case err == errInterrupted || err == errStopped:
			d.vm.calm()
			if ctx.Err() != nil {
				return nil, errStopped
			}
			d.unserved = err == errStopped
			if !d.server.Pending() {
				continue
			}
			why, err := d.interrupted(ctx)
			if why != nil || err != nil {
				return why, err
			}
		default:
			var g *GuestError
			if !errors.As(err, &g) {
				return nil, err
			}
			why, examineErr := d.examine()
			if examineErr != nil {
				return nil, examineErr
			}
			if why != nil {
				return why, nil
			}
			return &gdb.Stop{Signal: gdb.SIGSEGV, Text: g.Detail + "\n"}, err
		}
	}
}

// resume prepares the vCPU for the next proceed.
func (d *debugger) resume(how gdb.Resume) error {
	d.stepping = how.Action == gdb.Step
	if d.vm.mode == StartUser {
		r, err := d.vm.vcpu.registers()
		if err != nil {
			return err
		}
		if d.fault != nil && how.Signal == signalOf(d.fault.Vector) && how.Signal != gdb.SIGTRAP {
			d.passFault(&r.Regs)
		}
		r.RFLAGS &^= rflagsTF
		if d.stepping {
			r.RFLAGS |= rflagsTF
		}
		if err := d.vm.vcpu.setRegs(&r.Regs); err != nil {
			return err
		}
	}
	d.fault = nil
	return d.control()
}

// passFault does for the guest what the stub would have done.
func (d *debugger) passFault(r *kvm.Regs) {
	f := d.fault
	for i, v := range []uint64{f.Vector, f.ErrorCode, f.RIP, f.RFLAGS, f.RSP, f.CR2} {
		binary.LittleEndian.PutUint64(d.vm.system[sysRecord+8*i:], v)
	}
	r.RIP = d.vm.faultEntry
	r.RFLAGS |= rflagsIOPL3
}

// control tells KVM what to stop for.
func (d *debugger) control() error {
	var c guestDebug
	for i, b := range d.hardware {
		if b != nil {
			c.control |= guestDebugEnable | guestDebugHardware
			c.registers[i] = b.Addr
			c.registers[7] |= debugRegisterEnable(i, b)
		}
	}
	if d.stepping && d.vm.mode == StartKernel {
		c.control |= guestDebugEnable | guestDebugStep
	}
	if err := ioctl(d.vm.vcpu.fd, ioctlSetGuestDebug, &c); err != nil {
		return fmt.Errorf("KVM_SET_GUEST_DEBUG: %w", err)
	}
	return nil
}

// debugRegisterEnable are the bits of DR7 for debug register i.
func debugRegisterEnable(i int, b *gdb.Break) uint64 {
	const exact = 1 << 10 // reserved, reads as 1
	condition := map[gdb.BreakKind]uint64{gdb.Hardware: 0, gdb.Write: 1, gdb.Access: 3}[b.Kind]
	length := map[uint64]uint64{2: 1, 4: 3, 8: 2}[b.Size]
	if b.Kind == gdb.Hardware {
		length = 0
	}
	return exact | 2<<(2*i) | condition<<(16+4*i) | length<<(18+4*i)
}

// passExceptions says whether the stub passes exceptions to a user-mode guest,
// or halts.
func (d *debugger) passExceptions(pass bool) {
	if d.vm.mode != StartUser {
		return
	}
	stub := faultStub(abi.UserSystemBase+sysAlias, d.vm.faultEntry)
	if !pass {
		copy(stub[stubCommonAt:], stubStop)
	}
	copy(d.vm.system[sysStub:], stub)
}

// release leaves a guest that runs as if there were no debugger.
func (d *debugger) release() error {
	for addr := range d.software {
		if err := d.ClearBreak(gdb.Break{Kind: gdb.Software, Addr: addr}); err != nil {
			return err
		}
	}
	d.hardware = [4]*gdb.Break{}
	d.passExceptions(true)
	if err := d.resume(gdb.Resume{}); err != nil {
		return err
	}
	if d.unserved {
		d.vm.calm()
		_, err := d.vm.serve()
		return err
	}
	return nil
}

// report tells gdb how the guest has ended.
func (d *debugger) report(err error) {
	switch {
	case err == nil:
		d.server.Exited(d.vm.host.exit.Status)
	case errors.Is(err, ErrKilled):
		d.server.Died(gdb.SIGKILL)
	case errors.Is(err, errStopped):
		d.server.Died(gdb.SIGTERM)
	default:
		d.server.Died(gdb.SIGSEGV)
	}
}

// settle completes the exit that the guest has made, so that its registers are
// what they seem: KVM finishes an OUT at the next KVM_RUN only.
func (vm *VM) settle() error {
	requestExit(vm.vcpu.mapping)
	errno := enter(vm.vcpu.fd, false)
	vm.calm()
	stepped := errno == 0 && kvm.ExitType(vm.vcpu.run.ExitReason) == kvm.EXITDEBUG
	if errno != unix.EINTR && !stepped {
		return fmt.Errorf("KVM_RUN: result %d in place of an interrupt", int(errno))
	}
	return nil
}

// calm undoes interrupt. The caller looks at the context after it.
func (vm *VM) calm() {
	dismissExit(vm.vcpu.mapping)
	var count [8]byte
	unix.Read(vm.stopFD, count[:]) // it does not block
}
