package stack

import (
	"errors"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// netstack has types of its own for addresses; these functions convert them.

func toAddress(a netip.Addr) tcpip.Address { return tcpip.AddrFromSlice(a.AsSlice()) }

func fromAddress(a tcpip.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return addr
}

func fromPrefix(p tcpip.AddressWithPrefix) netip.Prefix {
	return netip.PrefixFrom(fromAddress(p.Address), p.PrefixLen)
}

func fromSubnet(s tcpip.Subnet) netip.Prefix {
	return netip.PrefixFrom(fromAddress(s.ID()), s.Prefix())
}

func toSubnet(p netip.Prefix) tcpip.Subnet {
	return tcpip.AddressWithPrefix{Address: toAddress(p.Addr()), PrefixLen: p.Bits()}.Subnet()
}

// protocolAddress is an address as an interface has it.
func protocolAddress(p netip.Prefix) tcpip.ProtocolAddress {
	protocol := header.IPv6ProtocolNumber
	if p.Addr().Is4() {
		protocol = header.IPv4ProtocolNumber
	}
	return tcpip.ProtocolAddress{
		Protocol:          protocol,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: toAddress(p.Addr()), PrefixLen: p.Bits()},
	}
}

// failure is a netstack error as an error of Go.
func failure(err tcpip.Error) error {
	if err == nil {
		return nil
	}
	return errors.New(err.String())
}
