package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"tender/tests/rig"
)

const (
	// flows is the number of UDP flows of a flood.
	flows = 64
	// frameBytes is the length of its frames, from the Ethernet header on.
	frameBytes = 60
)

// frames are one of each flow.
func (p *path) frames() ([][]byte, error) {
	own, err := p.outsideMAC()
	if err != nil {
		return nil, err
	}
	out, err := p.outside.Run(context.Background(), 5*time.Second, "ip", "-j", "neigh", "show", rig.OutsideRouter)
	var neighbours []struct{ LLAddr string }
	if err != nil || json.Unmarshal([]byte(out), &neighbours) != nil || len(neighbours) == 0 {
		return nil, fmt.Errorf("the router's address is not known: %v: %s", err, out)
	}
	router, err := net.ParseMAC(neighbours[0].LLAddr)
	if err != nil {
		return nil, err
	}
	var frames [][]byte
	for i := range flows {
		frames = append(frames, frame(router, own, uint16(20000+i)))
	}
	return frames, nil
}

func (p *path) outsideMAC() (address net.HardwareAddr, err error) {
	err = p.outside.Do(func() error {
		link, err := net.InterfaceByName(p.outsideDevice)
		if err == nil {
			address = link.HardwareAddr
		}
		return err
	})
	return address, err
}

// frame is a UDP datagram in 60 bytes, without a UDP checksum.
func frame(to, from net.HardwareAddr, port uint16) []byte {
	f := make([]byte, frameBytes)
	copy(f, to)
	copy(f[6:], from)
	f[12], f[13] = 0x08, 0
	ip := f[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], frameBytes-14)
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
	binary.BigEndian.PutUint16(ip[24:], frameBytes-14-20)
	return f
}
