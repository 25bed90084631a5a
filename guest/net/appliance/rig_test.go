package appliance

import (
	"bytes"
	"io"
	"testing"
	"time"

	"tender/abi"
	"tender/guest"
	"tender/guest/net/journal"
	"tender/guest/net/link"
	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// nic is a device whose other end is the test.
type nic struct {
	t      testing.TB
	mac    wire.MAC
	mtu    int
	in     [][]byte
	frames [][]byte
	// quiet says that frames are not kept.
	quiet bool
}

func (n *nic) MAC() [6]byte { return n.mac }
func (n *nic) MTU() int     { return n.mtu }

func (n *nic) Receive(handle guest.Handler) (int, error) {
	count := min(len(n.in), guest.PathBatch)
	for _, f := range n.in[:count] {
		handle(f, abi.VNETHeader{}, nil)
	}
	n.in = n.in[count:]
	return count, nil
}

func (n *nic) Offloads() bool { return false }

func (n *nic) Write(p []byte, _ abi.VNETHeader, _ [][]byte) error {
	if n.quiet {
		return nil
	}
	if err := nettest.CheckFrame(p); err != nil {
		n.t.Errorf("frame % x: %v", p, err)
	}
	n.frames = append(n.frames, bytes.Clone(p))
	return nil
}

// host is somebody on the network of a device, who answers ARP and neighbour
// discovery.
type host struct {
	nic  int
	addr wire.Addr
	mac  wire.MAC
}

// rig is an appliance with its devices and hosts.
type rig struct {
	*Appliance
	t     testing.TB
	nics  []*nic
	hosts []host
	out   bytes.Buffer
	now   time.Time
}

func newRig(t testing.TB, p *Program, hosts ...host) *rig {
	t.Helper()
	r := &rig{t: t, hosts: hosts}
	var devices []link.Device
	for i := range p.NICs {
		n := &nic{t: t, mac: wire.MAC{2, 0, 0, 0, 1, byte(i)}, mtu: 1500}
		r.nics, devices = append(r.nics, n), append(devices, n)
	}
	a, err := New(p, devices, nil, &r.out)
	if err != nil {
		t.Fatal(err)
	}
	r.Appliance, r.now = a, a.clock.start
	return r
}

// step is one turn of Run's loop.
func (r *rig) step() {
	r.t.Helper()
	ready := uint64(1)<<len(r.nics) - 1
	r.journal.SetTime(r.now)
	if _, err := link.Drain(r.devices, ready, r.clock.nanos(r.now)); err != nil {
		r.t.Fatal(err)
	}
	r.tick(r.now)
	if err := r.journal.Flush(); err != nil {
		r.t.Fatal(err)
	}
}

// ether are the addresses of a frame from h to the appliance.
func (r *rig) ether(h host) nettest.Ether { return nettest.Ether{Dst: r.nics[h.nic].mac, Src: h.mac} }

// send lets h send a frame, and returns what the appliance then sends on each
// device, ARP and neighbour discovery answered and left out.
func (r *rig) send(h host, frame []byte) [][][]byte {
	r.t.Helper()
	r.nics[h.nic].in = append(r.nics[h.nic].in, frame)
	return r.settle()
}

// settle goes on until nothing happens, and returns what was sent.
func (r *rig) settle() [][][]byte {
	r.t.Helper()
	sent := make([][][]byte, len(r.nics))
	for {
		r.step()
		quiet := true
		for i, n := range r.nics {
			for _, f := range n.frames {
				if !r.answer(i, f) {
					sent[i] = append(sent[i], f)
				}
			}
			n.frames = nil
			quiet = quiet && len(n.in) == 0
		}
		if quiet {
			return sent
		}
	}
}

// answer reports whether a frame was a question for a neighbour, and answers
// it for the hosts that are there.
func (r *rig) answer(device int, frame wire.Ethernet) bool {
	if frame.Type() != wire.TypeARP {
		return false
	}
	ask := wire.ARP(frame.Payload())
	for _, h := range r.hosts {
		if h.nic == device && h.addr == wire.From4(ask.TargetIP()) && ask.Op() == wire.ARPRequest {
			r.nics[device].in = append(r.nics[device].in,
				nettest.ARP(ask.SenderMAC(), wire.ARPReply, h.mac, h.addr.As4(), ask.SenderMAC(), ask.SenderIP()))
		}
	}
	return true
}

// discarding is a journal whose text goes nowhere.
func discarding() *journal.Journal {
	return journal.New(journal.Config{Console: io.Discard, PerSecond: 1e6})
}

// one returns the only frame that was sent, which must be on a device.
func (r *rig) one(what string, device int, sent [][][]byte) wire.Ethernet {
	r.t.Helper()
	for i := range sent {
		want := 0
		if i == device {
			want = 1
		}
		if len(sent[i]) != want {
			r.t.Fatalf("%s: %d frames on device %d, want %d: % x", what, len(sent[i]), i, want, sent[i])
		}
	}
	return sent[device][0]
}

// none checks that nothing was sent.
func (r *rig) none(what string, sent [][][]byte) {
	r.t.Helper()
	for i := range sent {
		if len(sent[i]) != 0 {
			r.t.Fatalf("%s: %d frames on device %d: % x", what, len(sent[i]), i, sent[i])
		}
	}
}
