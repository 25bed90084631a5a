package sockets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/loopback"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// request is a netlink request with the body of its type.
func request(typ, flags uint16, seq uint32, body ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(syscall.NLMSG_HDRLEN+len(body)))
	b = binary.LittleEndian.AppendUint16(b, typ)
	b = binary.LittleEndian.AppendUint16(b, syscall.NLM_F_REQUEST|flags)
	b = binary.LittleEndian.AppendUint32(b, seq)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(b, body...)
}

// dump asks like syscall.NetlinkRIB and returns the messages.
func (h *host) dump(t testing.TB, typ uint16, family byte) []syscall.NetlinkMessage {
	t.Helper()
	fd, errno := h.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW, syscall.NETLINK_ROUTE)
	must(t, errno)
	defer h.Close(fd)
	must(t, h.Bind(fd, appendNetlink(nil, 0)))
	if _, errno := h.Send(fd, &Message{Buffers: [][]byte{request(typ, syscall.NLM_F_DUMP, 1, family)}, Name: appendNetlink(nil, 0)}); errno != 0 {
		t.Fatal(errno)
	}
	name := h.local(t, fd)
	port := binary.LittleEndian.Uint32(name[4:])
	if len(name) != sizeofNetlink || port == 0 {
		t.Fatalf("bound to %v", name)
	}
	var all []syscall.NetlinkMessage
	for {
		buf := make([]byte, 4096)
		n, errno := h.Read(fd, buf)
		must(t, errno)
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if m.Header.Seq != 1 || m.Header.Pid != port || m.Header.Flags != syscall.NLM_F_MULTI {
				t.Fatalf("%+v", m.Header)
			}
			if m.Header.Type == syscall.NLMSG_DONE {
				return all
			}
			all = append(all, m)
		}
	}
}

func attributes(t testing.TB, m *syscall.NetlinkMessage) map[uint16][]byte {
	t.Helper()
	list, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		t.Fatal(err)
	}
	got := map[uint16][]byte{}
	for _, a := range list {
		got[a.Attr.Type] = a.Value
	}
	return got
}

func TestNetlinkDumps(t *testing.T) {
	a, _ := newHosts(t)
	a.stack.AddRoute(tcpip.Route{Destination: subnet("0.0.0.0/0"), Gateway: tcpip.AddrFrom4([4]byte{10, 0, 0, 254}), NIC: wireNIC})
	var links []string
	for _, m := range a.dump(t, syscall.RTM_GETLINK, 0) {
		at := attributes(t, &m)
		links = append(links, fmt.Sprintf("%d %s type %d flags %#x mtu %d %x",
			binary.LittleEndian.Uint32(m.Data[4:]), bytes.TrimRight(at[syscall.IFLA_IFNAME], "\x00"),
			binary.LittleEndian.Uint16(m.Data[2:]), binary.LittleEndian.Uint32(m.Data[8:]),
			binary.LittleEndian.Uint32(at[syscall.IFLA_MTU]), at[syscall.IFLA_ADDRESS]))
	}
	if want := []string{
		"1 lo type 772 flags 0x10049 mtu 65536 000000000000",
		"2 net0 type 1 flags 0x11043 mtu 1500 020000000001",
	}; !slices.Equal(links, want) {
		t.Errorf("%q", links)
	}

	var addresses []string
	for _, m := range slices.Concat(a.dump(t, syscall.RTM_GETADDR, syscall.AF_INET), a.dump(t, syscall.RTM_GETADDR, syscall.AF_INET6)) {
		ip, _ := netip.AddrFromSlice(attributes(t, &m)[syscall.IFA_ADDRESS])
		addresses = append(addresses, fmt.Sprintf("%d %v/%d scope %d", binary.LittleEndian.Uint32(m.Data[4:]), ip, m.Data[1], m.Data[3]))
	}
	for _, want := range []string{"1 127.0.0.1/8 scope 254", "1 ::1/128 scope 254", "2 10.0.0.1/24 scope 0", "2 fd00::1/64 scope 0", "2 fe80::1/64 scope 253"} {
		if !slices.Contains(addresses, want) {
			t.Errorf("%q is not in %q", want, addresses)
		}
	}
	if all := a.dump(t, syscall.RTM_GETADDR, syscall.AF_UNSPEC); len(all) != len(addresses) {
		t.Error(len(all), len(addresses))
	}

	var routes []string
	for _, m := range a.dump(t, syscall.RTM_GETROUTE, syscall.AF_INET) {
		at := attributes(t, &m)
		to, _ := netip.AddrFromSlice(at[syscall.RTA_DST])
		via, _ := netip.AddrFromSlice(at[syscall.RTA_GATEWAY])
		routes = append(routes, fmt.Sprintf("%v/%d via %v dev %d", to, m.Data[1], via, binary.LittleEndian.Uint32(at[syscall.RTA_OIF])))
	}
	for _, want := range []string{"invalid IP/0 via 10.0.0.254 dev 2", "10.0.0.0/24 via invalid IP dev 2"} {
		if !slices.Contains(routes, want) {
			t.Errorf("%q is not in %q", want, routes)
		}
	}
}

// TestNetlinkManyLinks has a dump that does not fit into one datagram.
func TestNetlinkManyLinks(t *testing.T) {
	h := newHost(t)
	for i := range 100 {
		if err := h.stack.CreateNICWithOptions(tcpip.NICID(i+2), loopback.New(), stack.NICOptions{Name: fmt.Sprint("dummy", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(h.dump(t, syscall.RTM_GETLINK, 0)); n != 101 {
		t.Error(n)
	}
}

func TestNetlinkRequests(t *testing.T) {
	a, _ := newHosts(t)
	fd := a.open(t, syscall.AF_NETLINK, syscall.SOCK_RAW, 0)
	info := func(index byte, name string) []byte {
		b := make([]byte, syscall.SizeofIfInfomsg)
		b[4] = index
		if name != "" {
			r := &netlinkReplies{message: b}
			r.attribute(syscall.IFLA_IFNAME, append([]byte(name), 0))
			b = r.message
		}
		return b
	}
	for _, test := range []struct {
		name    string
		request []byte
		typ     uint16
		errno   syscall.Errno // of NLMSG_ERROR
	}{
		{"by index", request(syscall.RTM_GETLINK, 0, 7, info(2, "")...), syscall.RTM_NEWLINK, 0},
		{"by name", request(syscall.RTM_GETLINK, 0, 7, info(0, "net0")...), syscall.RTM_NEWLINK, 0},
		{"no such index", request(syscall.RTM_GETLINK, 0, 7, info(9, "")...), syscall.NLMSG_ERROR, syscall.ENODEV},
		{"no such name", request(syscall.RTM_GETLINK, 0, 7, info(0, "net7")...), syscall.NLMSG_ERROR, syscall.ENODEV},
		{"short", request(syscall.RTM_GETLINK, 0, 7), syscall.NLMSG_ERROR, syscall.EINVAL},
		{"new address", request(syscall.RTM_NEWADDR, syscall.NLM_F_ACK, 7, make([]byte, 8)...), syscall.NLMSG_ERROR, syscall.EPERM},
		{"one route", request(syscall.RTM_GETROUTE, 0, 7, make([]byte, 12)...), syscall.NLMSG_ERROR, syscall.EOPNOTSUPP},
		{"unknown", request(200, syscall.NLM_F_DUMP, 7, 0), syscall.NLMSG_ERROR, syscall.EOPNOTSUPP},
		{"neighbours", request(syscall.RTM_GETNEIGH, syscall.NLM_F_DUMP, 7, 0), syscall.NLMSG_DONE, 0},
	} {
		if n, errno := a.Write(fd, test.request); n != len(test.request) || errno != 0 {
			t.Fatal(test.name, n, errno)
		}
		buf := make([]byte, 4096)
		n, errno := a.Read(fd, buf)
		must(t, errno)
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil || len(messages) != 1 || messages[0].Header.Type != test.typ || messages[0].Header.Seq != 7 {
			t.Errorf("%s: %+v, %v", test.name, messages, err)
		} else if test.typ == syscall.NLMSG_ERROR && int32(binary.LittleEndian.Uint32(messages[0].Data)) != -int32(test.errno) {
			t.Errorf("%s: %v", test.name, messages[0].Data[:4])
		}
		if _, errno := a.Read(fd, buf); errno != syscall.EAGAIN {
			t.Errorf("%s: more: %v", test.name, errno)
		}
	}
	other := a.open(t, syscall.AF_NETLINK, syscall.SOCK_RAW, 0)
	name := a.local(t, fd)
	if errno := a.Bind(other, name); errno != syscall.EADDRINUSE {
		t.Error(errno)
	}
	must(t, a.Close(fd))
	must(t, a.Bind(other, name))
	// What nobody receives is bounded.
	for {
		if _, errno := a.Write(other, request(syscall.RTM_GETADDR, syscall.NLM_F_DUMP, 1, 0)); errno != 0 {
			if errno != syscall.ENOBUFS {
				t.Error(errno)
			}
			break
		}
	}
	must(t, a.Close(other))
}

func TestIoctl(t *testing.T) {
	a, _ := newHosts(t)
	fd := a.open(t, syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	ifreq := func(name string) []byte {
		b := make([]byte, sizeofIfreq)
		copy(b, name)
		return b
	}
	for _, test := range []struct {
		request uintptr
		name    string
		errno   syscall.Errno
		union   []byte
	}{
		{syscall.SIOCGIFINDEX, "net0", 0, []byte{wireNIC, 0, 0, 0}},
		{syscall.SIOCGIFINDEX, "net1", syscall.ENODEV, nil},
		{syscall.SIOCGIFMTU, "net0", 0, []byte{0xdc, 5, 0, 0}},
		{syscall.SIOCGIFFLAGS, "lo", 0, []byte{0x49, 0}},
		{syscall.SIOCGIFHWADDR, "net0", 0, []byte{1, 0, 2, 0, 0, 0, 0, 1}},
		{syscall.SIOCGIFADDR, "net0", 0, []byte{2, 0, 0, 0, 10, 0, 0, 1}},
		{syscall.SIOCGIFNETMASK, "net0", 0, []byte{2, 0, 0, 0, 255, 255, 255, 0}},
		{syscall.SIOCGIFBRDADDR, "net0", syscall.ENOTTY, nil},
		{syscall.TCGETS, "", syscall.ENOTTY, nil},
	} {
		b := ifreq(test.name)
		if errno := a.Ioctl(fd, test.request, b); errno != test.errno || !bytes.HasPrefix(b[ifNameSize:], test.union) {
			t.Errorf("%#x %s: %v %v", test.request, test.name, b, errno)
		}
	}
	b := ifreq("")
	b[ifNameSize] = wireNIC
	if errno := a.Ioctl(fd, syscall.SIOCGIFNAME, b); errno != 0 || !strings.HasPrefix(string(b), "net0\x00") {
		t.Error(b, errno)
	}
	if errno := a.Ioctl(fd, syscall.SIOCGIFNAME, b[:39]); errno != syscall.EFAULT {
		t.Error(errno)
	}
	must(t, a.Ioctl(fd, ioctlNonblock, []byte{0, 0, 0, 0}))
	if flags, _ := a.Fcntl(fd, syscall.F_GETFL, 0); flags&syscall.O_NONBLOCK != 0 {
		t.Errorf("%#x", flags)
	}
	must(t, a.Close(fd))
}

// FuzzNetlink answers any datagram with well-formed ones.
func FuzzNetlink(f *testing.F) {
	f.Add(request(syscall.RTM_GETLINK, syscall.NLM_F_DUMP, 1, 0))
	f.Add(request(syscall.RTM_GETADDR, syscall.NLM_F_DUMP, 1, 2))
	f.Add(request(syscall.RTM_GETROUTE, syscall.NLM_F_DUMP, 1, 10))
	f.Add(request(syscall.RTM_GETLINK, syscall.NLM_F_ACK, 1, append(make([]byte, 16), 8, 0, 3, 0, 'l', 'o', 0, 0)...))
	f.Add([]byte{255, 255, 255, 255, 18, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0})
	h := newHost(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range answerNetlink(h.stack, 1, b) {
			if _, err := syscall.ParseNetlinkMessage(d); err != nil || len(d) > maxNetlinkDatagram {
				t.Fatal(len(d), err)
			}
		}
	})
}
