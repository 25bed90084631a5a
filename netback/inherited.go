package netback

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Inherited is a device on a descriptor that the parent process opened.
type Inherited struct{ port }

var _ Device = (*Inherited)(nil)

// FromFD makes a device of a descriptor with one frame per read and write: an
// attached TAP (IFF_TAP|IFF_NO_PI), or a datagram, sequential-packet or raw
// socket. It becomes non-blocking and close-on-exec, and the device's own;
// after an error it is the caller's still. The MTU is that of the TAP's
// interface, looked up in its own network namespace where the process may enter
// that, and DefaultMTU if it is not found. Errors wrap the unix.Errno: EBADF, EINVAL, ERANGE.
// Source: solo5-abi 5.2, "@FD".
func FromFD(fd int, opts Options) (*Inherited, error) {
	d, err := fromFD(fd, opts)
	if err != nil {
		return nil, fmt.Errorf("could not attach interface: @%d: %w", fd, err)
	}
	return d, nil
}

func fromFD(fd int, opts Options) (*Inherited, error) {
	mac, err := opts.mac()
	if err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return nil, fault(unix.EBADF, "no open descriptor has that number: open it in the parent process, for example with `%d<>/dev/tapN` in the shell", fd)
	}
	mtu, err := frameMTU(fd)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("making it non-blocking: %w", err)
	}
	unix.CloseOnExec(fd)
	return &Inherited{port{fd: fd, mac: mac, mtu: mtu}}, nil
}

// frameMTU checks that fd keeps frames apart and finds its MTU.
func frameMTU(fd int) (int, error) {
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
		if kind == unix.SOCK_STREAM {
			return 0, fault(unix.EINVAL, "it is a stream socket, which keeps no frames apart: pass a SOCK_DGRAM or SOCK_SEQPACKET one")
		}
		return DefaultMTU, nil
	}
	req, err := unix.NewIfreq("")
	if err != nil {
		return 0, fmt.Errorf("asking for its interface: %w", err)
	}
	if err := unix.IoctlIfreq(fd, unix.TUNGETIFF, req); err != nil {
		return 0, fault(unix.EINVAL, "it is neither an attached TAP nor a socket: pass a descriptor after TUNSETIFF with IFF_TAP|IFF_NO_PI")
	}
	const form = unix.IFF_TAP | unix.IFF_NO_PI
	link, err := linkOf(fd, req.Name())
	if req.Uint16()&(form|unix.IFF_VNET_HDR) != form || err == nil && hasPacketInfo(link) {
		return 0, fault(unix.EINVAL, "interface %s is not attached as a TAP with plain frames: attach it with IFF_TAP|IFF_NO_PI and no IFF_VNET_HDR", req.Name())
	}
	if err != nil {
		return DefaultMTU, nil
	}
	return checkMTU(link.Attrs().MTU)
}

// hasPacketInfo tells what TUNGETIFF does not: its IFF_NO_PI bit is also
// IFF_NOFILTER, which is set on any descriptor without a socket filter.
func hasPacketInfo(link netlink.Link) bool {
	tun, ok := link.(*netlink.Tuntap)
	return ok && tun.Flags&netlink.TUNTAP_NO_PI == 0
}

// linkOf finds the interface of an attached TAP in its own network namespace,
// or in this thread's if the process may not enter that one.
func linkOf(fd int, name string) (netlink.Link, error) {
	home, err := unix.IoctlRetInt(fd, unix.TUNGETDEVNETNS)
	if err != nil {
		return netlink.LinkByName(name)
	}
	defer unix.Close(home)
	links, err := netlink.NewHandleAt(netns.NsHandle(home), unix.NETLINK_ROUTE)
	if err != nil {
		return netlink.LinkByName(name)
	}
	defer links.Close()
	return links.LinkByName(name)
}
