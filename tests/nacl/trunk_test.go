package nacl

import (
	"encoding/binary"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"tender/guest/net/wire"
)

// trunk is a VLAN switch between a device that carries tagged frames and hosts
// that are on one VLAN each. It stands in for Linux's VLAN interfaces, which not
// every kernel has.
type trunk struct {
	h      *host // at the device
	socket *os.File
	mu     sync.Mutex
	ports  map[uint16]*os.File // by VLAN
}

// newTrunk takes the tagged frames of a host's device.
func newTrunk(h *host) *trunk {
	h.s.t.Helper()
	t := &trunk{h: h, ports: map[uint16]*os.File{}}
	h.s.must(h.Do(func() error {
		fd, err := packetSocket(h.device)
		if err != nil {
			return err
		}
		t.socket = os.NewFile(uintptr(fd), h.device)
		return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
	}))
	h.s.t.Cleanup(func() { t.socket.Close() })
	go t.fromDevice()
	return t
}

// packetSocket opens one for all frames of a device in the thread's namespace.
// It does not block.
func packetSocket(device string) (fd int, err error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return -1, err
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(all))
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// host is a new one on a VLAN.
func (t *trunk) host(vlan uint16, role string) *host {
	s := t.h.s
	s.t.Helper()
	h := &host{s.namespace(role), s, "eth0"}
	s.must(h.IP("tuntap", "add", "dev", h.device, "mode", "tap"))
	s.must(h.IP("link", "set", h.device, "up"))
	port, err := h.OpenTAP(h.device)
	s.must(err)
	s.t.Cleanup(func() { port.Close() })
	t.mu.Lock()
	t.ports[vlan] = port
	t.mu.Unlock()
	go t.fromPort(vlan, port)
	return h
}

// fromPort tags what a host sends, until the port is closed.
func (t *trunk) fromPort(vlan uint16, port *os.File) {
	frame, tagged := make([]byte, 1<<16), []byte(nil)
	for {
		n, err := port.Read(frame)
		if err != nil {
			return
		}
		tagged = wire.AppendTagged(tagged[:0], frame[:n], vlan)
		t.socket.Write(tagged) // a frame that finds no room is lost
	}
}

// fromDevice gives each host the frames of its VLAN, until the socket is closed.
func (t *trunk) fromDevice() {
	frame, control := make([]byte, 1<<16), make([]byte, 256)
	conn, err := t.socket.SyscallConn()
	if err != nil {
		return
	}
	for {
		var n, controlLen int
		var from unix.Sockaddr
		var receive error
		err := conn.Read(func(fd uintptr) bool {
			n, controlLen, _, from, receive = unix.Recvmsg(int(fd), frame, control, 0)
			return receive != unix.EAGAIN
		})
		if err != nil || receive != nil {
			return
		}
		vlan, ok := tagOf(control[:controlLen])
		if !ok || from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		t.mu.Lock()
		port := t.ports[vlan]
		t.mu.Unlock()
		if port != nil {
			port.Write(frame[:n])
		}
	}
}

// tagOf is the VLAN of a frame: Linux takes the tag out of the frame, and tells
// of it beside (struct tpacket_auxdata of linux/if_packet.h).
func tagOf(control []byte) (vlan uint16, ok bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 20 {
			valid := binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_VLAN_VALID != 0
			return binary.NativeEndian.Uint16(m.Data[16:]) & 0xfff, valid
		}
	}
	return 0, false
}
