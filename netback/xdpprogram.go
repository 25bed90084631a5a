package netback

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// redirect gives the frames that an interface receives to an AF_XDP socket on its
// first queue, until link is closed. generic has them given by the network stack
// instead of the driver: on a veth that saves a copy.
func redirect(socket, index int, generic bool) (_ io.Closer, err error) {
	sockets, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return nil, notLoaded("a map of sockets", err)
	}
	defer sockets.Close() // the program keeps it
	if err := sockets.Put(uint32(0), uint32(socket)); err != nil {
		return nil, fmt.Errorf("entering the socket in a map: %w", err)
	}
	const rxQueueIndex = 16 // in struct xdp_md
	const pass = 2          // what is for no socket goes to the host
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "tender", Type: ebpf.XDP, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, rxQueueIndex, asm.Word),
			asm.LoadMapPtr(asm.R1, sockets.FD()),
			asm.Mov.Imm(asm.R3, pass),
			asm.FnRedirectMap.Call(),
			asm.Return(),
		},
	})
	if err != nil {
		return nil, notLoaded("an XDP program", err)
	}
	defer program.Close() // the link keeps it
	opts := link.XDPOptions{Program: program, Interface: index}
	if generic {
		opts.Flags = link.XDPGenericMode
	}
	l, err := link.AttachXDP(opts)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
		return nil, fault(unix.EBUSY, "it has an XDP program already: see `ip link`, and end what loaded it or take it off with `ip link set NAME xdp off`")
	}
	if err != nil {
		return nil, fmt.Errorf("attaching an XDP program: %w", err)
	}
	return l, nil
}

// notLoaded says what the kernel did not want of us.
func notLoaded(what string, err error) error {
	if errors.Is(err, unix.EPERM) {
		return fault(unix.EPERM, "no permission to load %s: run as root, or with CAP_BPF and CAP_NET_ADMIN", what)
	}
	return fmt.Errorf("loading %s: %w", what, err)
}
