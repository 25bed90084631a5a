package netback

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// ParseMAC reads a unicast Ethernet address written xx:xx:xx:xx:xx:xx, in
// hexadecimal digits of either case.
func ParseMAC(s string) ([6]byte, error) {
	var mac [6]byte
	if len(s) != len("xx:xx:xx:xx:xx:xx") {
		return mac, badMAC(s)
	}
	for i := range mac {
		if i > 0 && s[3*i-1] != ':' {
			return [6]byte{}, badMAC(s)
		}
		if _, err := hex.Decode(mac[i:i+1], []byte(s[3*i:3*i+2])); err != nil {
			return [6]byte{}, badMAC(s)
		}
	}
	if err := checkUnicast(mac); err != nil {
		return [6]byte{}, err
	}
	return mac, nil
}

func badMAC(s string) error {
	return fmt.Errorf("MAC address %q is not of the form xx:xx:xx:xx:xx:xx", s)
}

func checkUnicast(mac [6]byte) error {
	switch {
	case mac == [6]byte{}:
		return fmt.Errorf("MAC address 00:00:00:00:00:00 belongs to no device: choose one like 02:00:00:00:00:01")
	case mac[0]&1 != 0:
		return fmt.Errorf("MAC address %x is a group address: clear the lowest bit of its first byte (%02x)", mac, mac[0]&^1)
	}
	return nil
}

// mac is the address asked for, or a random one.
func (o Options) mac() ([6]byte, error) {
	if o.MAC != [6]byte{} {
		return o.MAC, checkUnicast(o.MAC)
	}
	return randomMAC(), nil
}

// randomMAC makes a unicast, locally administered address.
func randomMAC() [6]byte {
	var mac [6]byte
	rand.Read(mac[:])
	mac[0] = mac[0]&^1 | 2
	return mac
}
