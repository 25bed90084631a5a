package nacl

import (
	"bytes"
	"iter"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
	"tender/tests/rig"
)

// macOf is an interface's address in the thread's namespace.
func macOf(device string) (wire.MAC, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return wire.MAC{}, err
	}
	return wire.MAC(i.HardwareAddr), nil
}

// end is a host that says and hears anything.
type end struct {
	t      testing.TB
	socket *os.File
	ether  nettest.Ether // to the router

	mu    sync.Mutex
	heard map[uint16][]byte // datagrams by their identification
}

// ends are those of a router's sides.
type ends [2]*end

func (s *site) ends(outside *rig.Namespace, outsideDevice string, toOutside wire.MAC, inside *rig.Namespace, insideDevice string, toInside wire.MAC) ends {
	s.t.Helper()
	return ends{s.end(outside, outsideDevice, toOutside), s.end(inside, insideDevice, toInside)}
}

func (s *site) end(ns *rig.Namespace, device string, router wire.MAC) *end {
	s.t.Helper()
	e := &end{t: s.t, heard: map[uint16][]byte{}}
	s.must(ns.Do(func() error {
		mac, err := macOf(device)
		if err != nil {
			return err
		}
		e.ether = nettest.Ether{Dst: router, Src: mac}
		fd, err := packetSocket(device)
		if err != nil {
			return err
		}
		e.socket = os.NewFile(uintptr(fd), device)
		return nil
	}))
	s.t.Cleanup(func() { e.socket.Close() })
	go e.listen()
	return e
}

// listen keeps what comes from one network to the other, until the socket is
// closed.
func (e *end) listen() {
	conn, err := e.socket.SyscallConn()
	if err != nil {
		return
	}
	for buffer := make([]byte, 1<<16); ; {
		var n int
		var from unix.Sockaddr
		var receive error
		err := conn.Read(func(fd uintptr) bool {
			n, from, receive = unix.Recvfrom(int(fd), buffer, 0)
			return receive != unix.EAGAIN
		})
		if err != nil || receive != nil {
			return
		}
		if from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING || n < wire.EthernetLen || wire.Ethernet(buffer[:n]).Type() != wire.TypeIPv4 {
			continue
		}
		ip, err := wire.ParseIPv4(buffer[wire.EthernetLen:n])
		if err == nil && isHost(ip.Src()) && isHost(ip.Dst()) {
			e.mu.Lock()
			e.heard[ip.ID()] = bytes.Clone(ip)
			e.mu.Unlock()
		}
	}
}

// isHost reports an address of either side's network.
func isHost(a wire.Addr4) bool { return a&^0xffff == networks[0] || a&^0xffff == networks[1] }

// packet is the datagram with an identification, or nil.
func (e *end) packet(id uint16) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard[id]
}

// write gives a frame to the router.
func (e *end) write(frame []byte) {
	wire.Ethernet(frame).SetHeader(e.ether.Dst, e.ether.Src, wire.TypeIPv4)
	if _, err := e.socket.Write(frame); err != nil {
		e.t.Fatalf("sending a frame: %v", err)
	}
}

// send sends all bursts, each after the one before it has passed the router,
// which the guide at its end tells. It keeps to one CPU, as Linux may overtake
// packets on another.
func (e *ends) send(bursts iter.Seq[[]*packet]) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		e[0].t.Fatal(err)
	}
	for cpu := range 1024 {
		if all.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		e[0].t.Fatal(err)
	}
	defer unix.SchedSetaffinity(0, &all)
	e.follow(0, 20001) // the neighbours are found
	e.follow(1, 20002)
	guides := uint16(20003)
	for burst := range bursts {
		side := burst[0].side
		for _, p := range burst {
			e[side].write(p.frame())
		}
		e.follow(side, guides)
		guides++
	}
}

// follow sends the guide from a side, and waits for it on the other.
func (e *ends) follow(side int, id uint16) {
	ip := nettest.IP{Src: guide(side), Dst: guide(1 - side), ID: id}
	e[side].write(nettest.UDP(nettest.Ether{}, ip, 9, 9, nil))
	for deadline := time.Now().Add(20 * time.Second); e[1-side].packet(id) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			e[0].t.Fatalf("guide %d from side %d has not come through", id, side)
		}
	}
}
