package main

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"tender/abi"
	"tender/guest"
	"tender/guest/net/link"
	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

var errClosed = errors.New("device is closed")

// fakeNIC gives the frames of a queue and keeps what is written.
type fakeNIC struct {
	mac     wire.MAC
	queue   [][]byte
	sent    [][]byte
	endless bool // the first frame comes again and again
	fails   bool
	quiet   bool
	reads   int
	frame   [2048]byte // handed over
}

func (n *fakeNIC) MAC() [6]byte { return n.mac }
func (n *fakeNIC) MTU() int     { return 1500 }

func (n *fakeNIC) Receive(handle guest.Handler) (count int, err error) {
	if n.fails {
		return 0, errClosed
	}
	for count < guest.PathBatch && len(n.queue) > 0 {
		size := copy(n.frame[:], n.queue[0])
		handle(n.frame[:size], abi.VNETHeader{}, nil)
		if count++; !n.endless {
			n.queue = n.queue[1:]
		}
	}
	n.reads += max(1, count)
	return count, nil
}

func (n *fakeNIC) Offloads() bool { return false }

func (n *fakeNIC) Write(p []byte, _ abi.VNETHeader, _ [][]byte) error {
	if !n.quiet {
		n.sent = append(n.sent, bytes.Clone(p))
	}
	return nil
}

// fakePoller calls a function instead of waiting.
type fakePoller struct {
	wait func(time.Time) (uint64, error)
}

func (p fakePoller) Wait(deadline time.Time) (uint64, error) { return p.wait(deadline) }

// sleep is a poller whose devices never get ready.
func sleep(deadline time.Time) (uint64, error) {
	if deadline.IsZero() {
		return 0, errClosed
	}
	time.Sleep(time.Until(deadline))
	return 0, nil
}

func fakeDevices() (*fakeNIC, *fakeNIC, devices) {
	o, i := &fakeNIC{mac: wire.MAC{2, 0, 0, 0, 0, 0xa}}, &fakeNIC{mac: wire.MAC{2, 0, 0, 0, 0, 0xb}}
	return o, i, devices{nics: [2]link.Device{o, i}, poller: fakePoller{sleep}}
}

var (
	client    = nettest.Ether{Dst: wire.MAC{2, 0, 0, 0, 0, 0xa}, Src: wire.MAC{2, 0, 0, 0, 0, 1}}
	server    = nettest.Ether{Dst: wire.MAC{2, 0, 0, 0, 0, 0xb}, Src: wire.MAC{2, 0, 0, 0, 0, 2}}
	toServer  = nettest.IP{Src: nettest.Addr("10.0.0.1"), Dst: nettest.Addr("192.168.0.20")}
	toClient  = nettest.IP{Src: toServer.Dst, Dst: toServer.Src}
	addresses = []string{"--outside=10.0.0.2/24", "--inside=192.168.0.1/24"}
	serverARP = nettest.ARP(server.Dst, wire.ARPReply, server.Src, toServer.Dst, server.Dst, nettest.Addr("192.168.0.1"))
	clientARP = nettest.ARP(client.Dst, wire.ARPReply, client.Src, toServer.Src, client.Dst, nettest.Addr("10.0.0.2"))
)

// values reads the KEY=VALUE pairs of a line.
func values(t *testing.T, line string) map[string]uint64 {
	t.Helper()
	m := map[string]uint64{}
	for _, pair := range strings.Split(line, " ")[2:] {
		k, v, ok := strings.Cut(pair, "=")
		if !ok {
			t.Fatalf("%q is no pair in %q", pair, line)
		}
		if n, err := strconv.ParseUint(v, 10, 64); err == nil {
			m[k] = n
		}
	}
	return m
}

func TestRun(t *testing.T) {
	o, i, d := fakeDevices()
	syn := nettest.Segment{SrcPort: 4000, DstPort: 80, Flags: wire.TCPSyn}
	forbidden := syn
	forbidden.DstPort = 22
	o.queue = [][]byte{
		nettest.TCP(client, toServer, syn),
		nettest.TCP(client, toServer, forbidden),
		nettest.Echo(client, nettest.IP{Src: toServer.Src, Dst: nettest.Addr("10.0.0.2")}, wire.ICMPEchoRequest, 1, 1, nil),
		make([]byte, 2000),
	}
	step := 0
	d.poller = fakePoller{func(deadline time.Time) (uint64, error) {
		switch step++; step {
		case 1: // the firewall has asked for the server
			i.queue = append(i.queue, serverARP)
			return 1 << inside, nil
		case 2:
			answer := nettest.Segment{SrcPort: 80, DstPort: 4000, Seq: 9, Ack: 1, Flags: wire.TCPSyn | wire.TCPAck}
			i.queue = append(i.queue, nettest.TCP(server, toClient, answer))
			return 1 << inside, nil
		case 3: // it has asked for the client
			o.queue = append(o.queue, clientARP)
			return 1 << outside, nil
		}
		return sleep(deadline)
	}}
	var out, errs strings.Builder
	args := append([]string{"--allow=tcp,dst=192.168.0.20,dport=80", "--stats=50ms", "--exit-after=180ms"}, addresses...)
	if status := run(args, &out, &errs, func() (devices, error) { return d, nil }); status != exitOK || errs.Len() != 0 {
		t.Fatalf("status %d, errors %q", status, errs.String())
	}
	last := map[string]map[string]uint64{}
	lines := 0
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "firewall: counters ") {
			lines++
			m := values(t, line)
			last[strings.Split(line, " ")[4]] = m
			sum := m["held"] + m["forwarded"] + m["fragmented"] + m["arp"] + m["echo"]
			for k, v := range m {
				if strings.HasPrefix(k, "drop_") {
					sum += v
				}
			}
			if sum != m["rx"] {
				t.Errorf("%d fates of %d frames: %s", sum, m["rx"], line)
			}
		}
	}
	if lines < 2*4 {
		t.Errorf("%d lines of counters, want 8 or more:\n%s", lines, out.String())
	}
	for _, c := range []struct {
		iface, key string
		want       uint64
	}{
		{"if=outside", "rx", 5}, {"if=outside", "forwarded", 1}, {"if=outside", "drop_policy", 1}, {"if=outside", "echo", 1},
		{"if=outside", "drop_frame_long", 1}, {"if=outside", "arp", 1}, {"if=outside", "tx_forwarded", 1}, {"if=outside", "tx_icmp", 1},
		{"if=inside", "rx", 2}, {"if=inside", "arp", 1}, {"if=inside", "forwarded", 1}, {"if=inside", "tx_forwarded", 1}, {"if=inside", "dropped", 0},
	} {
		if got := last[c.iface][c.key]; got != c.want {
			t.Errorf("%s %s=%d, want %d", c.iface, c.key, got, c.want)
		}
	}
	for _, want := range []string{"firewall: ready outside=02:00:00:00:00:0a,mtu=1500 inside=02:00:00:00:00:0b,mtu=1500\n", " at=exit ", "    policy  "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the output:\n%s", want, out.String())
		}
	}
	if len(i.sent) != 3 { // announced, asked, SYN
		t.Errorf("%d frames went inside, want 3", len(i.sent))
	}
}

func TestDeviceFails(t *testing.T) {
	o, _, d := fakeDevices()
	o.fails = true
	var out, errs strings.Builder
	if status := run(addresses, &out, &errs, func() (devices, error) { return d, nil }); status != exitFailure || errs.String() != "firewall: device is closed\n" {
		t.Errorf("status %d, errors %q", status, errs.String())
	}
	if !strings.Contains(out.String(), "at=exit") {
		t.Error("no counters at the end")
	}
	errs.Reset()
	if status := run(addresses, &out, &errs, func() (devices, error) { return d, errClosed }); status != exitFailure || errs.Len() == 0 {
		t.Errorf("status %d, errors %q", status, errs.String())
	}
}

// TestFair checks that a device which is never empty leaves the other its turn.
func TestFair(t *testing.T) {
	o, i, d := fakeDevices()
	o.endless, o.queue = true, [][]byte{make([]byte, 60)}
	options, err := parse(append(addresses, "--exit-after=100ms"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFirewall(options, d, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.loop(); err != nil {
		t.Fatal(err)
	}
	if o.reads < 1000 || i.reads < o.reads/guest.PathBatch/2 {
		t.Errorf("%d reads outside, %d inside", o.reads, i.reads)
	}
}

func TestDeadline(t *testing.T) {
	for args, want := range map[string]time.Duration{
		"":                           0,
		"--stats=3s":                 3 * time.Second,
		"--exit-after=2s":            2 * time.Second,
		"--stats=3s --exit-after=2s": 2 * time.Second,
		"--stats=1s --exit-after=2s": time.Second,
	} {
		_, _, d := fakeDevices()
		options, err := parse(append(strings.Split(args, " "), addresses...))
		if err != nil {
			t.Fatal(err)
		}
		f, err := newFirewall(options, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := f.deadline()
		if want == 0 && !got.IsZero() || want != 0 && got.Sub(f.start) != want {
			t.Errorf("%s: %v after the start, want %v", args, got.Sub(f.start), want)
		}
	}
}

// TestDeadlineOfNeighbour checks that the engine's deadline counts.
func TestDeadlineOfNeighbour(t *testing.T) {
	_, _, d := fakeDevices()
	options, err := parse(append([]string{"--allow=any", "--stats=30s"}, addresses...))
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFirewall(options, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.engine.Input(outside, nettest.Echo(client, toServer, wire.ICMPEchoRequest, 1, 1, nil), 0)
	if got := f.deadline().Sub(f.start); got != time.Second {
		t.Errorf("%v after the start, want 1s", got)
	}
}

func TestDrainDoesNotAllocate(t *testing.T) {
	o, i, d := fakeDevices()
	o.quiet, i.quiet = true, true
	options, err := parse(append([]string{"--allow=udp"}, addresses...))
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFirewall(options, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	datagram := nettest.UDP(client, toServer, 1, 2, make([]byte, 100))
	o.queue, i.queue = [][]byte{datagram}, [][]byte{serverARP}
	for busy := true; busy; {
		if busy, err = link.Drain(f.links[:], allReady, 0); err != nil {
			t.Fatal(err)
		}
	}
	o.queue, o.endless = [][]byte{datagram}, true
	if n := testing.AllocsPerRun(100, func() {
		link.Drain(f.links[:], allReady, 0)
		f.engine.Tick(0)
		f.deadline()
	}); n != 0 {
		t.Errorf("%v allocations per batch, want 0", n)
	}
	if c := f.engine.Counters(outside); c.Dropped() != 0 || c.RxFrames < guest.PathBatch*100 {
		t.Errorf("%d frames, %d dropped", c.RxFrames, c.Dropped())
	}
}
