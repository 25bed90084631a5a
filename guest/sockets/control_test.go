package sockets

import (
	"bytes"
	"encoding/binary"
	"syscall"
	"testing"
)

// controls are control messages by level and type.
func controls(t testing.TB, b []byte) map[optionID][]byte {
	t.Helper()
	got := map[optionID][]byte{}
	for len(b) >= sizeofControl {
		level, typ, data, rest, errno := nextControl(b)
		must(t, errno)
		got[optionID{level, typ}] = bytes.Clone(data)
		b = rest
	}
	return got
}

func control(level, typ int, data []byte) []byte {
	m := &Message{Control: make([]byte, alignControl(sizeofControl+len(data)))}
	m.putControl(level, typ, data)
	return m.Control
}

func packetInfo4(nic uint32, source string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, nic)
	b = append(b, at(source + ":0")[4:8]...)
	return append(b, 0, 0, 0, 0)
}

func packetInfo6(nic uint32, source string) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(at("[" + source + "]:0")[8:24]), nic)
}

func TestReceiveControl(t *testing.T) {
	a, b := newHosts(t)
	const v4, v6 = syscall.IPPROTO_IP, syscall.IPPROTO_IPV6
	for _, test := range []struct {
		at, to string
		ask    []optionID
		want   map[optionID][]byte
	}{
		{"0.0.0.0:5000", "10.0.0.2:5000",
			[]optionID{{v4, syscall.IP_PKTINFO}, {v4, syscall.IP_RECVTTL}, {v4, syscall.IP_RECVTOS}},
			map[optionID][]byte{
				{v4, syscall.IP_PKTINFO}: {wireNIC, 0, 0, 0, 10, 0, 0, 2, 10, 0, 0, 2},
				{v4, syscall.IP_TTL}:     {33, 0, 0, 0}, {v4, syscall.IP_TOS}: {0x20},
			}},
		{"[::]:5000", "10.0.0.2:5000",
			[]optionID{{v4, syscall.IP_PKTINFO}, {v6, syscall.IPV6_RECVPKTINFO}, {v6, syscall.IPV6_RECVHOPLIMIT}},
			map[optionID][]byte{
				{v4, syscall.IP_PKTINFO}:   {wireNIC, 0, 0, 0, 10, 0, 0, 2, 10, 0, 0, 2},
				{v6, syscall.IPV6_PKTINFO}: packetInfo6(wireNIC, "::ffff:10.0.0.2"),
			}},
		{"[::]:5000", "[fd00::2]:5000",
			[]optionID{{v6, syscall.IPV6_RECVPKTINFO}, {v6, syscall.IPV6_RECVHOPLIMIT}, {v6, syscall.IPV6_RECVTCLASS}, {v4, syscall.IP_PKTINFO}},
			map[optionID][]byte{
				{v6, syscall.IPV6_PKTINFO}:  packetInfo6(wireNIC, "fd00::2"),
				{v6, syscall.IPV6_HOPLIMIT}: {44, 0, 0, 0}, {v6, syscall.IPV6_TCLASS}: {0x40, 0, 0, 0},
			}},
	} {
		s := b.bound(t, test.at)
		for _, id := range test.ask {
			must(t, b.SetOption(s, id.level, id.name, appendInt(nil, 1)))
		}
		domain := int(at(test.to)[0])
		c := a.open(t, domain, syscall.SOCK_DGRAM, 0)
		if domain == syscall.AF_INET {
			must(t, a.SetOption(c, v4, syscall.IP_TTL, appendInt(nil, 33)))
			must(t, a.SetOption(c, v4, syscall.IP_TOS, appendInt(nil, 0x20)))
		} else {
			must(t, a.SetOption(c, v6, syscall.IPV6_UNICAST_HOPS, appendInt(nil, 44)))
			must(t, a.SetOption(c, v6, syscall.IPV6_TCLASS, appendInt(nil, 0x40)))
		}
		a.sendTo(t, c, "x", test.to)
		m := &Message{Buffers: [][]byte{make([]byte, 9)}, Control: make([]byte, 256)}
		if _, errno := b.receiveSome(t, s, m); errno != 0 {
			t.Fatal(errno)
		}
		got := controls(t, m.Control[:m.ControlLen])
		if len(got) != len(test.want) {
			t.Errorf("%s at %s: %v", test.to, test.at, got)
		}
		for id, want := range test.want {
			if !bytes.Equal(got[id], want) {
				t.Errorf("%s at %s: %v is %v, not %v", test.to, test.at, id, got[id], want)
			}
		}
		// Without room they are cut off, and the flag says so.
		for room := range 40 {
			a.sendTo(t, c, "x", test.to)
			m := &Message{Buffers: [][]byte{make([]byte, 9)}, Control: make([]byte, room)}
			if _, errno := b.receiveSome(t, s, m); errno != 0 || m.OutFlags&syscall.MSG_CTRUNC == 0 && room < 20 || m.ControlLen > room {
				t.Errorf("room for %d: %v, flags %#x, length %d", room, errno, m.OutFlags, m.ControlLen)
			}
		}
		a.Close(c)
		b.Close(s)
	}
}

// TestSendControl answers from addresses that the stack would not have chosen.
func TestSendControl(t *testing.T) {
	a, b := newHosts(t)
	b.address(t, wireNIC, "10.0.0.77/24")
	b.address(t, wireNIC, "fd00::77/64")
	const v4, v6 = syscall.IPPROTO_IP, syscall.IPPROTO_IPV6
	for _, test := range []struct {
		name, at, to, sees string
		control            []byte
		errno              syscall.Errno
	}{
		{"source", "0.0.0.0:5000", "10.0.0.1:6000", "[::ffff:10.0.0.77]:5000", control(v4, syscall.IP_PKTINFO, packetInfo4(0, "10.0.0.77")), 0},
		{"source and interface", "0.0.0.0:5000", "10.0.0.1:6000", "[::ffff:10.0.0.77]:5000", control(v4, syscall.IP_PKTINFO, packetInfo4(wireNIC, "10.0.0.77")), 0},
		{"interface", "0.0.0.0:5000", "10.0.0.1:6000", "[::ffff:10.0.0.2]:5000", control(v4, syscall.IP_PKTINFO, packetInfo4(wireNIC, "0.0.0.0")), 0},
		{"IPv4 by IPv6 socket", "[::]:5000", "[::ffff:10.0.0.1]:6000", "[::ffff:10.0.0.77]:5000", control(v4, syscall.IP_PKTINFO, packetInfo4(0, "10.0.0.77")), 0},
		{"mapped source", "[::]:5000", "[::ffff:10.0.0.1]:6000", "[::ffff:10.0.0.77]:5000", control(v6, syscall.IPV6_PKTINFO, packetInfo6(0, "::ffff:10.0.0.77")), 0},
		{"IPv6 source", "[::]:5000", "[fd00::1]:6000", "[fd00::77]:5000", control(v6, syscall.IPV6_PKTINFO, packetInfo6(0, "fd00::77")), 0},
		{"IPv6 class", "[::]:5000", "[fd00::1]:6000", "[fd00::2]:5000", control(v6, syscall.IPV6_TCLASS, appendInt(nil, 9)), 0},
		{"hops", "[::]:5000", "[fd00::1]:6000", "[fd00::2]:5000", control(v6, syscall.IPV6_HOPLIMIT, appendInt(nil, 9)), 0},
		{"ttl", "0.0.0.0:5000", "10.0.0.1:6000", "[::ffff:10.0.0.2]:5000", control(v4, syscall.IP_TTL, appendInt(nil, 9)), 0},
		{"strange source", "0.0.0.0:5000", "10.0.0.1:6000", "", control(v4, syscall.IP_PKTINFO, packetInfo4(0, "10.0.0.99")), syscall.EINVAL},
		{"other family", "[::]:5000", "[fd00::1]:6000", "", control(v6, syscall.IPV6_PKTINFO, packetInfo6(0, "::ffff:10.0.0.77")), syscall.EINVAL},
		{"no interface", "0.0.0.0:5000", "10.0.0.1:6000", "", control(v4, syscall.IP_PKTINFO, packetInfo4(9, "0.0.0.0")), syscall.ENODEV},
		{"wrong ttl", "0.0.0.0:5000", "10.0.0.1:6000", "", control(v4, syscall.IP_TTL, appendInt(nil, 256)), syscall.EINVAL},
		{"short", "0.0.0.0:5000", "10.0.0.1:6000", "", control(v4, syscall.IP_PKTINFO, []byte{1}), syscall.EINVAL},
		{"segmentation", "0.0.0.0:5000", "10.0.0.1:6000", "", control(syscall.IPPROTO_UDP, 103, []byte{1, 0}), syscall.EINVAL},
	} {
		c, s := a.bound(t, "[::]:6000"), b.bound(t, test.at)
		_, errno := b.Send(s, &Message{Buffers: [][]byte{[]byte("some"), []byte("thing")}, Name: at(test.to), Control: test.control})
		if errno != test.errno {
			t.Errorf("%s: %v, not %v", test.name, errno, test.errno)
		}
		if errno == 0 {
			buf := make([]byte, 100)
			m := &Message{Buffers: [][]byte{buf}, Name: make([]byte, maxAddress)}
			n, errno := a.receiveSome(t, c, m)
			if errno != 0 || string(buf[:n]) != "something" || text(m.Name[:m.NameLen]) != test.sees {
				t.Errorf("%s: %q from %s, %v", test.name, buf[:n], text(m.Name[:m.NameLen]), errno)
			}
		}
		a.Close(c)
		b.Close(s)
	}
}
