package netback

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tunPath is the device every TAP descriptor is opened from.
const tunPath = "/dev/net/tun"

// TAP is a device on a TAP interface of the host.
type TAP struct {
	port
	name string
	// buffer is room for a frame with its header; nil if there are no headers.
	buffer []byte
}

var _ Offloader = (*TAP)(nil)

// OpenTAP attaches to an existing TAP interface of the calling thread's
// network namespace that is up; it never creates one. The interface's GRO and
// GSO are switched off and stay off, and a longer queue stays. Errors are one line with the command
// that mends the matter, and wrap the unix.Errno: ENAMETOOLONG, ENOENT,
// ENETDOWN, EBUSY, EPERM, ENODEV (not a TAP), EINVAL.
// Source: solo5-abi 5.2.
func OpenTAP(name string, opts Options) (*TAP, error) {
	t, err := openTAP(name, opts)
	if err != nil {
		return nil, fmt.Errorf("could not attach interface: %s: %w", name, err)
	}
	return t, nil
}

func openTAP(name string, opts Options) (*TAP, error) {
	mac, err := opts.mac()
	if err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	links, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening a netlink socket: %w", err)
	}
	defer links.Close()
	before, err := findTAP(links, name)
	if err != nil {
		return nil, err
	}
	fd, err := attach(name, opts.Header)
	if err != nil {
		return nil, err
	}
	// TUNSETIFF creates what it does not find: an interface that vanished
	// since the look-up has come back with another index.
	now, err := links.LinkByIndex(before.Index)
	if err != nil || now.Attrs().Name != name {
		unix.Close(fd)
		return nil, fault(unix.ENOENT, "the interface went away while it was being attached: try again")
	}
	mtu, err := checkMTU(now.Attrs().MTU)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	disableMerging(name)
	if opts.LongQueue {
		lengthenQueue(links, now)
	}
	t := &TAP{port: port{fd: fd, mac: mac, mtu: mtu}, name: name}
	if opts.Header {
		t.buffer = make([]byte, headerBytes+maxFrameBytes)
	}
	return t, nil
}

const (
	// usualQueue is the length of a TAP's queue that nobody has chosen, in frames.
	usualQueue = 1000
	// longQueue holds what comes at 400 thousand frames a second while other work has
	// the CPU for 10 ms.
	longQueue = 4096
)

// lengthenQueue is best effort, as disableMerging: it needs CAP_NET_ADMIN.
func lengthenQueue(links *netlink.Handle, link netlink.Link) {
	if link.Attrs().TxQLen == usualQueue {
		links.LinkSetTxQLen(link, longQueue)
	}
}

// Name is the interface's name.
func (t *TAP) Name() string { return t.name }

// checkName refuses what the kernel would not take as a name, or would take
// as a pattern for one.
func checkName(name string) error {
	switch {
	case len(name) >= unix.IFNAMSIZ:
		return fault(unix.ENAMETOOLONG, "an interface name has at most %d characters, this one has %d", unix.IFNAMSIZ-1, len(name))
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "%/: \t\n\v\f\r\x00"):
		return fault(unix.EINVAL, "%q is not an interface name: list them with `ip link`", name)
	}
	return nil
}

// findTAP looks the interface up and checks that it can be attached.
func findTAP(links *netlink.Handle, name string) (*netlink.LinkAttrs, error) {
	create := fmt.Sprintf("`ip tuntap add dev %s mode tap && ip link set %[1]s up`", name)
	link, err := links.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, fault(unix.ENOENT, "no such interface: make it with %s", create)
	}
	if err != nil {
		return nil, fmt.Errorf("looking it up: %w", err)
	}
	attrs := link.Attrs()
	tun, ok := link.(*netlink.Tuntap)
	switch {
	case attrs.Name != name:
		return nil, fault(unix.EINVAL, "it is another name of interface %s: use that one", attrs.Name)
	case !ok:
		return nil, fault(unix.ENODEV, "it is a %s interface, not a TAP: make one with `ip tuntap add dev NAME mode tap`, or give the guest all of this one as xdp:%s", link.Type(), name)
	case tun.Mode == netlink.TUNTAP_MODE_TUN:
		return nil, fault(unix.ENODEV, "it is a TUN interface, not a TAP: replace it with `ip link del %s && ip tuntap add dev %[1]s mode tap && ip link set %[1]s up`", name)
	case attrs.RawFlags&(unix.IFF_UP|unix.IFF_RUNNING) == 0:
		return nil, fault(unix.ENETDOWN, "the interface is down: bring it up with `ip link set %s up`", name)
	}
	return attrs, nil
}

// attach opens a non-blocking descriptor of the TAP, without packet
// information or offloads.
func attach(name string, header bool) (int, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return -1, fault(err.(unix.Errno), "%s is missing: load the driver with `modprobe tun`", tunPath)
	case unix.EACCES, unix.EPERM:
		return -1, fault(err.(unix.Errno), "no permission to open %s: run as root, or allow it with `chmod 666 %[1]s`", tunPath)
	default:
		return -1, fmt.Errorf("opening %s: %w", tunPath, err)
	}
	if err := setInterface(fd, name, header); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func setInterface(fd int, name string, header bool) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("naming it to the kernel: %w", err)
	}
	form := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if header {
		form |= unix.IFF_VNET_HDR
	}
	req.SetUint16(form)
	switch err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err {
	case nil:
	case unix.EBUSY:
		return fault(unix.EBUSY, "another process has attached it: find it with `grep -ls 'iff:.*%s$' /proc/*/fdinfo/*` and end it, or make a second TAP", name)
	case unix.EPERM:
		return fault(unix.EPERM, "no permission to attach it: run as root, or have root give it to you with `ip link del %s && ip tuntap add dev %[1]s mode tap user NAME && ip link set %[1]s up`", name)
	case unix.EINVAL:
		return fault(unix.EINVAL, "it is not a TAP with one queue: replace it with `ip link del %s && ip tuntap add dev %[1]s mode tap && ip link set %[1]s up`", name)
	default:
		return fmt.Errorf("attaching to it: %w", err)
	}
	if got := req.Name(); got != name {
		return fault(unix.EINVAL, "the kernel attached interface %s instead", got)
	}
	// A previous owner may have left offloads on, or another size of headers.
	if header {
		if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, headerBytes); err != nil {
			return fmt.Errorf("setting the size of headers: %w", err)
		}
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, 0); err != nil {
		return fmt.Errorf("switching offloads off: %w", err)
	}
	return nil
}

func checkMTU(mtu int) (int, error) {
	if mtu < 1 || mtu > maxMTU {
		return 0, fault(unix.ERANGE, "its MTU of %d is not in 1..%d: set another with `ip link set dev NAME mtu 1500`", mtu, maxMTU)
	}
	return mtu, nil
}
