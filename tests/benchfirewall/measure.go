package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tender/tests/rig"
)

// Ports of the measurements, all allowed.
const (
	floodPort = 9
	echoPort  = 7
	iperfPort = 5201
)

// measure builds the system and takes one value of each metric.
func (c *candidate) measure(ctx context.Context, seconds float64) (err error) {
	p, err := c.build()
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := p.close(); err == nil {
			err = closeErr
		}
	}()
	if err := p.awake(ctx); err != nil {
		return err
	}
	p50, err := p.requests(ctx)
	if err != nil {
		return err
	}
	gbps, err := p.bulk(ctx, seconds)
	if err != nil {
		return err
	}
	kpps, err := p.flood(seconds)
	if err != nil {
		return err
	}
	c.figures[udp] = append(c.figures[udp], kpps)
	c.figures[tcp] = append(c.figures[tcp], gbps)
	c.figures[rr] = append(c.figures[rr], p50)
	return nil
}

// awake waits until the hosts reach each other.
func (p *path) awake(ctx context.Context) error {
	out := ""
	for range 20 {
		var err error
		if out, err = p.outside.Run(ctx, 2*time.Second, "ping", "-n", "-c", "1", "-W", "1", rig.InsideHost); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the hosts do not reach each other: %s", out)
}

// requests is the median round trip of UDP requests, one at a time, in µs.
func (p *path) requests(ctx context.Context) (float64, error) {
	var server, client net.Conn
	err := p.inside.Do(func() (err error) {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: echoPort})
		server = c
		return err
	})
	if err != nil {
		return 0, err
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 100)
		for {
			n, peer, err := server.(*net.UDPConn).ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			server.(*net.UDPConn).WriteToUDPAddrPort(buf[:n], peer)
		}
	}()
	err = p.outside.Do(func() (err error) {
		client, err = net.Dial("udp4", net.JoinHostPort(rig.InsideHost, strconv.Itoa(echoPort)))
		return err
	})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	const count = 1000
	var micros []float64
	request, reply := make([]byte, 18), make([]byte, 18)
	for range count {
		start := time.Now()
		if _, err := client.Write(request); err != nil {
			return 0, err
		}
		if err := client.SetReadDeadline(start.Add(200 * time.Millisecond)); err != nil {
			return 0, err
		}
		if _, err := client.Read(reply); err == nil {
			micros = append(micros, float64(time.Since(start).Nanoseconds())/1000)
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	if len(micros) < count*9/10 {
		return 0, fmt.Errorf("%d answers to %d requests", len(micros), count)
	}
	return median(micros), nil
}

// bulk is the throughput of one TCP connection in Gbit/s.
func (p *path) bulk(ctx context.Context, seconds float64) (float64, error) {
	if _, err := p.inside.Start("iperf3", "-s", "-p", strconv.Itoa(iperfPort)); err != nil {
		return 0, err
	}
	if err := p.inside.AwaitPort(ctx, "tcp", strconv.Itoa(iperfPort)); err != nil {
		return 0, err
	}
	out, err := p.outside.Run(ctx, 30*time.Second, "iperf3", "-J", "-c", rig.InsideHost, "-p", strconv.Itoa(iperfPort), "-t", fmt.Sprint(max(1, int(seconds))))
	var report struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	if jsonErr := json.Unmarshal([]byte(out), &report); err != nil || jsonErr != nil {
		return 0, fmt.Errorf("iperf3: %v, %v: %s", err, jsonErr, out)
	}
	return report.End.Received.BitsPerSecond / 1e9, nil
}

// flows is the number of UDP flows of a flood.
const flows = 64

// flood sends frames of 60 bytes as fast as they are taken, and counts those
// that reach the other host, in thousands per second.
func (p *path) flood(seconds float64) (float64, error) {
	// They end at the host's door: what a receiver would make of them is not measured.
	drop := fmt.Sprintf("table netdev flood { chain in { type filter hook ingress device \"%s\" priority 0; udp dport %d drop; }; }", p.insideDevice, floodPort)
	if out, err := p.inside.Run(context.Background(), 5*time.Second, "nft", drop); err != nil {
		return 0, fmt.Errorf("nft: %w: %s", err, out)
	}
	frames, err := p.frames()
	if err != nil {
		return 0, err
	}
	socket := -1
	err = p.outside.Do(func() error {
		link, err := net.InterfaceByName(p.outsideDevice)
		if err != nil {
			return err
		}
		if socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(socket, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
			return err
		}
		return unix.Bind(socket, &unix.SockaddrLinklayer{Ifindex: link.Index})
	})
	if err != nil {
		return 0, fmt.Errorf("the load's socket: %w", err)
	}
	defer unix.Close(socket)
	send := func(length time.Duration) error {
		ended := make(chan error, 1)
		go func() {
			// The thread must live on: processes that it started end with it.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			back, err := pinSelf()
			if err != nil {
				ended <- err
				return
			}
			defer back()
			for end := time.Now().Add(length); time.Now().Before(end); {
				if err := sendBatch(socket, frames); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		return <-ended
	}
	if err := send(100 * time.Millisecond); err != nil { // to warm up
		return 0, err
	}
	before, err := p.inside.Link(p.insideDevice)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := send(time.Duration(seconds * float64(time.Second))); err != nil {
		return 0, err
	}
	took := time.Since(start)
	after, err := p.inside.Link(p.insideDevice)
	if err != nil {
		return 0, err
	}
	return float64(after.RxFrames-before.RxFrames) / took.Seconds() / 1000, nil
}

// frames are one of each flow.
func (p *path) frames() ([][]byte, error) {
	var own, router net.HardwareAddr
	err := p.outside.Do(func() error {
		link, err := net.InterfaceByName(p.outsideDevice)
		if err == nil {
			own = link.HardwareAddr
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := p.outside.Run(context.Background(), 5*time.Second, "ip", "-j", "neigh", "show", rig.OutsideRouter)
	var neighbours []struct{ LLAddr string }
	if err != nil || json.Unmarshal([]byte(out), &neighbours) != nil || len(neighbours) == 0 {
		return nil, fmt.Errorf("the router's address is not known: %v: %s", err, out)
	}
	if router, err = net.ParseMAC(neighbours[0].LLAddr); err != nil {
		return nil, err
	}
	var frames [][]byte
	for i := range flows {
		frames = append(frames, frame(router, own, uint16(20000+i)))
	}
	return frames, nil
}

// frame is a UDP datagram in 60 bytes, without a UDP checksum.
func frame(to, from net.HardwareAddr, port uint16) []byte {
	f := make([]byte, 60)
	copy(f, to)
	copy(f[6:], from)
	f[12], f[13] = 0x08, 0
	ip := f[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], 60-14)
	copy(ip[12:], net.ParseIP(rig.OutsideHost).To4())
	copy(ip[16:], net.ParseIP(rig.InsideHost).To4())
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
	binary.BigEndian.PutUint16(ip[20:], port)
	binary.BigEndian.PutUint16(ip[22:], floodPort)
	binary.BigEndian.PutUint16(ip[24:], 60-14-20)
	return f
}
