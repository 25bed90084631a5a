package hvt

import (
	"debug/elf"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/datapath"
	"tender/image"
	"tender/netback"
)

// path is the data path of an image that moves frames through a UMEM. Its
// network devices are then known to nothing else here.
type path struct {
	thread         *datapath.Thread
	names          []string // of the devices
	doorbell, wake int      // eventfds
}

// pathShare is the part of the guest's memory that its UMEM may be as large as:
// it comes on top.
const pathShare = 4

// layOutPath plans a UMEM for the devices.
func (h *host) layOutPath(memBytes uint64) (*datapath.Layout, error) {
	ports := 0
	for i := range h.nets {
		if h.nets[i].dev != nil {
			ports++
		}
	}
	l, err := datapath.NewLayout(ports, memBytes/pathShare)
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// offerPath makes the UMEM behind the guest's memory, which the image has been
// loaded to.
func (vm *VM) offerPath(c *Config, l datapath.Layout) (err error) {
	at := c.Image.Tender.UMEM
	if !writable(c.Image.Ranges(), at, 8) {
		return fmt.Errorf("the image's word for the UMEM at %#x is in no segment that can be written; build the image again", at)
	}
	var handles []int
	var devices []netback.Device
	var names []string
	for i := range vm.host.nets {
		if d := &vm.host.nets[i]; d.dev != nil {
			handles, devices, names = append(handles, i), append(devices, d.dev), append(names, c.Image.Manifest[i-1].Name)
			d.dev = nil
		}
	}
	u, err := datapath.NewUMEM(vm.host.mem.ring, l, handles)
	if err != nil {
		return err
	}
	p := &path{names: names, doorbell: -1, wake: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	for _, fd := range []*int{&p.doorbell, &p.wake} {
		if *fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			return fmt.Errorf("cannot create an eventfd: %w", err)
		}
	}
	if err := kickOnOut(vm.vmFD, p.doorbell, abi.UMEMDoorbellPort); err != nil {
		return fmt.Errorf("KVM_IOEVENTFD: %w", err)
	}
	if p.thread, err = datapath.NewThread(u, devices, p.doorbell, p.wake, c.Logf); err != nil {
		return err
	}
	poll := newPoller(vm.stopFD, vm.host.poll.masked)
	poll.wake = len(poll.fds)
	poll.add(p.wake, 0)
	vm.host.poll = poll
	vm.host.mem.put64(at, uint64(len(vm.host.mem.bytes)))
	vm.path = p
	return nil
}

// writable says whether n bytes are in a segment that may be written, at a
// multiple of n.
func writable(ranges []image.Range, at, n uint64) bool {
	for _, r := range ranges {
		if r.Flags&elf.PF_W != 0 && at%n == 0 && at >= r.Start && at < r.End && r.End-at >= n {
			return true
		}
	}
	return false
}

// start serves the guest until end; a failure ends the guest.
func (p *path) start(fail func(error)) { p.thread.Start(func(err error) { fail(guestBreach(err)) }) }

// end stops the service after the loop has ended with err. Frames that a guest
// posted before it halted are sent.
func (p *path) end(err error) error {
	pathErr := guestBreach(p.thread.Stop())
	if pathErr != nil && (err == nil || errors.Is(err, errStopped)) {
		return pathErr
	}
	return err
}

// guestBreach says of what the guest did wrong in the words of this package.
func guestBreach(err error) error {
	var b *datapath.BreachError
	if errors.As(err, &b) {
		return breach(BreachRing, "%s", b.Error())
	}
	return err
}

func (p *path) close() error {
	var errs []error
	if p.thread != nil {
		errs = append(errs, p.thread.Close())
	}
	for _, fd := range []int{p.doorbell, p.wake} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// NetCounters are those of the network devices, in the manifest's order. There
// are none if the guest takes its frames by hypercalls.
func (vm *VM) NetCounters() []datapath.DeviceCounters { return vm.path.counters() }

// PinIO keeps the thread that moves the guest's frames on a CPU, the first being
// 0. It is called before Run, at most once, and does nothing for a guest that
// takes its frames by hypercalls.
func (vm *VM) PinIO(cpu int) error {
	if vm.path == nil {
		return nil
	}
	return vm.path.thread.Pin(cpu)
}

func (p *path) counters() (all []datapath.DeviceCounters) {
	if p == nil {
		return nil
	}
	for i, name := range p.names {
		all = append(all, datapath.DeviceCounters{Name: name, Counters: p.thread.Counters(i)})
	}
	return all
}
