package main

import (
	"encoding/binary"
	"net"
	"testing"
)

func TestFrame(t *testing.T) {
	to, from := net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	f := frame(to, from, 20001)
	if len(f) != 60 || net.HardwareAddr(f[:6]).String() != to.String() || net.HardwareAddr(f[6:12]).String() != from.String() {
		t.Errorf("%x", f)
	}
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	if sum = sum>>16 + sum&0xffff; sum != 0xffff {
		t.Errorf("the header's sum is %#x", sum)
	}
	if ports := binary.BigEndian.Uint32(f[34:]); ports != 20001<<16|floodPort {
		t.Errorf("the ports are %#x", ports)
	}
}

func TestOptions(t *testing.T) {
	good := options{rounds: 1, seconds: 1, lossSeconds: 1}
	for _, c := range []struct {
		rules, kinds, figures string
		ok                    bool
	}{
		{"0,100", "saddr,dport", "udp,loss", true},
		{"0", "saddr", groupNames(), true},
		{"-1", "saddr", "udp", false},
		{"0", "port", "udp", false},
		{"0", "saddr", "kpps", false},
	} {
		o := good
		if err := o.parse("tender", c.rules, c.kinds, "", c.figures); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
	bad := options{rounds: 1, seconds: 0, lossSeconds: 1}
	if err := bad.parse("tender", "0", "saddr", "", "udp"); err == nil {
		t.Error("no time is time enough")
	}
}
