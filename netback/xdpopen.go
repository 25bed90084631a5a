package netback

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	ethernetBytes = 14
	// xdpReserve is what the kernel keeps of a chunk in front of a frame that it
	// receives (XDP_PACKET_HEADROOM).
	xdpReserve = 256
	// mostXDPMTU is the largest MTU: a chunk is a page at most.
	mostXDPMTU = 4096 - xdpReserve - ethernetBytes - vlanTagBytes
	// vlanTagBytes is the room of two VLAN tags.
	vlanTagBytes = 8
	// maxTXBudget is XDP_MAX_TX_SKB_BUDGET of linux/if_xdp.h.
	maxTXBudget = 9
	// xdpSendBytes is memory for frames under way, by the kernel's own measure.
	xdpSendBytes = 8 << 20

	bindTries = 50
	bindPause = 20 * time.Millisecond
)

// OpenXDP takes over an Ethernet interface of the calling thread's network
// namespace that is up and has one receive queue. The guest gets the interface's
// own address unless opts has another one, and no headers. The kernel copies
// frames from and to memory of the device, of 36 or 72 MiB. Errors are one line
// with the command that mends the matter, and wrap the unix.Errno: those of
// OpenTAP, ERANGE for the MTU, and EBUSY where a program of somebody else's has the interface.
func OpenXDP(name string, opts Options) (*XDP, error) {
	x, err := openXDP(name, opts)
	if err != nil {
		return nil, fmt.Errorf("could not take over interface: %s: %w", name, err)
	}
	return x, nil
}

func openXDP(name string, opts Options) (_ *XDP, err error) {
	link, err := findEthernet(name)
	if err != nil {
		return nil, err
	}
	attrs := link.Attrs()
	x := &XDP{fd: -1, listener: -1, name: name, mtu: attrs.MTU, chunkBytes: 4096, mac: opts.MAC}
	copy(x.own[:], attrs.HardwareAddr)
	if x.mac == [6]byte{} {
		x.mac = x.own
	} else if err := checkUnicast(x.mac); err != nil {
		return nil, err
	}
	if x.mtu+ethernetBytes+vlanTagBytes <= 2048-xdpReserve {
		x.chunkBytes = 2048
	}
	defer func() {
		if err != nil {
			x.Close()
		}
	}()
	if err := x.openSocket(); err != nil {
		return nil, err
	}
	if err := x.bind(attrs.Index); err != nil {
		return nil, err
	}
	if err := x.listen(attrs.Index); err != nil {
		return nil, err
	}
	if x.link, err = redirect(x.fd, attrs.Index, link.Type() == "veth"); err != nil {
		return nil, err
	}
	return x, nil
}

// findEthernet looks the interface up and checks that it can be taken over.
func findEthernet(name string) (netlink.Link, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	link, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, fault(unix.ENOENT, "no such interface: list them with `ip link`")
	}
	if err != nil {
		return nil, fmt.Errorf("looking it up: %w", err)
	}
	attrs := link.Attrs()
	switch n := queues(name); {
	case attrs.Name != name:
		return nil, fault(unix.EINVAL, "it is another name of interface %s: use that one", attrs.Name)
	case attrs.EncapType != "ether" || len(attrs.HardwareAddr) != 6:
		return nil, fault(unix.ENODEV, "it is no Ethernet interface: choose one that has link/ether in `ip link`")
	case attrs.RawFlags&unix.IFF_UP == 0:
		return nil, fault(unix.ENETDOWN, "the interface is down: bring it up with `ip link set %s up`", name)
	case attrs.MTU < 1 || attrs.MTU > mostXDPMTU:
		return nil, fault(unix.ERANGE, "its MTU of %d is not in 1..%d: set another with `ip link set dev %s mtu 1500`", attrs.MTU, mostXDPMTU, name)
	case n > 1:
		return nil, fault(unix.EINVAL, "it has %d receive queues, and frames of one can be had: set it to one with `ethtool -L %s combined 1`, or `rx 1 tx 1`", n, name)
	}
	return link, nil
}

// openSocket makes the socket and its rings. All chunks to receive into are the
// kernel's at once.
func (x *XDP) openSocket() (err error) {
	switch x.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err {
	case nil:
	case unix.EPERM:
		return fault(unix.EPERM, "no permission for AF_XDP: run as root, or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF")
	case unix.EAFNOSUPPORT:
		return fault(unix.EAFNOSUPPORT, "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS): attach a TAP instead")
	default:
		return fmt.Errorf("AF_XDP: %w", err)
	}
	if x.umem, err = unix.Mmap(-1, 0, int((xdpFrames+xdpSends)*x.chunkBytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		return fmt.Errorf("memory for frames: %w", err)
	}
	_ = unix.Madvise(x.umem, unix.MADV_HUGEPAGE) // faster, but not needed
	if err := registerUMEM(x.fd, x.umem, x.chunkBytes); err != nil {
		return err
	}
	for _, ring := range []int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_RX_RING, unix.XDP_TX_RING} {
		if err := unix.SetsockoptInt(x.fd, unix.SOL_XDP, ring, xdpFrames); err != nil {
			return fmt.Errorf("making a ring: %w", err)
		}
	}
	// Neither is needed: without them, more system calls are made.
	_ = unix.SetsockoptInt(x.fd, unix.SOL_XDP, maxTXBudget, xdpSends/8)
	_ = unix.SetsockoptInt(x.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, xdpSendBytes)
	if err := x.mapRings(); err != nil {
		return err
	}
	for i := range uint64(xdpFrames) {
		x.fill.put(i * x.chunkBytes)
	}
	for i := range uint64(xdpSends) {
		x.free = append(x.free, (xdpFrames+i)*x.chunkBytes)
	}
	x.fill.publish()
	return nil
}

// bind gives the socket the frames of the interface's first queue. The kernel
// lets go of it some time after another socket was closed.
func (x *XDP) bind(index int) (err error) {
	sa := &unix.SockaddrXDP{Flags: unix.XDP_COPY | unix.XDP_USE_NEED_WAKEUP, Ifindex: uint32(index)}
	for range bindTries {
		if err = unix.Bind(x.fd, sa); err != unix.EBUSY {
			break
		}
		time.Sleep(bindPause)
	}
	if err == unix.EBUSY {
		return fault(unix.EBUSY, "another AF_XDP socket has it: end the process that holds it")
	}
	if err != nil {
		return fmt.Errorf("binding an AF_XDP socket: %w", err)
	}
	return nil
}

func (x *XDP) mapRings() error {
	o, err := xdpOffsets(x.fd)
	if err != nil {
		return err
	}
	var errs [4]error
	x.maps = make([][]byte, 4)
	x.receive, x.maps[0], errs[0] = mapXDPRing[unix.XDPDesc](x.fd, unix.XDP_PGOFF_RX_RING, o.Rx, false)
	x.transmit, x.maps[1], errs[1] = mapXDPRing[unix.XDPDesc](x.fd, unix.XDP_PGOFF_TX_RING, o.Tx, true)
	x.fill, x.maps[2], errs[2] = mapXDPRing[uint64](x.fd, unix.XDP_UMEM_PGOFF_FILL_RING, o.Fr, true)
	x.completion, x.maps[3], errs[3] = mapXDPRing[uint64](x.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, o.Cr, false)
	return errors.Join(errs[:]...)
}

// listen has the interface take frames for all groups, which the host has not
// joined, and for the guest's address if that is another one. It ends with the
// listener, a socket that receives nothing.
func (x *XDP) listen(index int) (err error) {
	if x.listener, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("a packet socket: %w", err)
	}
	kinds := []uint16{unix.PACKET_MR_ALLMULTI}
	if x.mac != x.own {
		kinds = append(kinds, unix.PACKET_MR_PROMISC)
	}
	for _, kind := range kinds {
		m := &unix.PacketMreq{Ifindex: int32(index), Type: kind}
		if err := unix.SetsockoptPacketMreq(x.listener, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, m); err != nil {
			return fmt.Errorf("receiving frames for other addresses: %w", err)
		}
	}
	return nil
}
