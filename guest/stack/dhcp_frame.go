package stack

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Ports of DHCP (RFC 2131, section 4.1).
const (
	dhcpServerPort = 67
	dhcpClientPort = 68
)

// Offsets in a frame with an IPv4 header of a given length.
const (
	ipAt  = header.EthernetMinimumSize
	udpAt = ipAt + header.IPv4MinimumSize
)

// toDHCPClient reports whether a frame is a datagram from a DHCP server's port to
// a DHCP client's. It is called for each frame of an interface with DHCP. IPv4
// options and fragments, which no server sends, are not looked for.
func toDHCPClient(frame []byte) bool {
	return len(frame) >= udpAt+header.UDPMinimumSize &&
		binary.BigEndian.Uint16(frame[12:]) == uint16(header.IPv4ProtocolNumber) &&
		frame[ipAt] == 0x45 &&
		frame[ipAt+9] == uint8(header.UDPProtocolNumber) &&
		binary.BigEndian.Uint16(frame[ipAt+6:])&0x3fff == 0 &&
		binary.BigEndian.Uint16(frame[udpAt:]) == dhcpServerPort &&
		binary.BigEndian.Uint16(frame[udpAt+2:]) == dhcpClientPort
}

// dhcpPayload gives the payload of a frame that toDHCPClient took, if its lengths
// and checksums are right.
func dhcpPayload(frame []byte) (payload []byte, ok bool) {
	if !toDHCPClient(frame) {
		return nil, false
	}
	ip := header.IPv4(frame[ipAt:])
	total := int(ip.TotalLength())
	if total < header.IPv4MinimumSize+header.UDPMinimumSize || total > len(ip) || !ip.IsChecksumValid() {
		return nil, false
	}
	udp := header.UDP(ip[header.IPv4MinimumSize:total])
	if int(udp.Length()) < header.UDPMinimumSize || int(udp.Length()) > len(udp) {
		return nil, false
	}
	udp = udp[:udp.Length()]
	payload = udp.Payload()
	if udp.Checksum() != 0 && !udp.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), checksum.Checksum(payload, 0)) {
		return nil, false
	}
	return payload, true
}

// dhcpBroadcast makes the frame that carries a client's message to all servers.
// from is the client's address, or 0.0.0.0.
func dhcpBroadcast(mac tcpip.LinkAddress, from netip.Addr, payload []byte) []byte {
	frame := make([]byte, udpAt+header.UDPMinimumSize+len(payload))
	header.Ethernet(frame).Encode(&header.EthernetFields{
		SrcAddr: mac, DstAddr: header.EthernetBroadcastAddress, Type: header.IPv4ProtocolNumber,
	})
	src, dst := tcpip.AddrFrom4(from.As4()), header.IPv4Broadcast
	ip := header.IPv4(frame[ipAt:])
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(ip)), TTL: 64, Protocol: uint8(header.UDPProtocolNumber), SrcAddr: src, DstAddr: dst,
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	udp := header.UDP(ip[header.IPv4MinimumSize:])
	udp.Encode(&header.UDPFields{SrcPort: dhcpClientPort, DstPort: dhcpServerPort, Length: uint16(len(udp))})
	copy(udp.Payload(), payload)
	sum := header.PseudoHeaderChecksum(header.UDPProtocolNumber, src, dst, uint16(len(udp)))
	udp.SetChecksum(^udp.CalculateChecksum(checksum.Checksum(payload, sum)))
	return frame
}
