package appliance

import (
	"fmt"
	"time"

	"tender/guest/net/dhcp"
	"tender/guest/net/wire"
)

// patience is how long DHCPWithFallback waits for a lease.
const patience = 10 * time.Second

// lease is the address of an interface that is not Static.
type lease struct {
	address wire.Prefix4
	gateway wire.Addr4
}

// reaches reports whether a can be a neighbour.
func (l lease) reaches(a wire.Addr4) bool { return l.address.Bits > 0 && l.address.Contains(a) }

// asker keeps the lease of one interface.
type asker struct {
	appliance *Appliance
	iface     int // in Program.Ifaces
	client    *dhcp.Client
	frame     []byte
	id        uint16
	// given says that the fallback is in use, and nobody asks any more.
	given bool
}

// newAsker makes the client of an interface; the engine is not there yet.
func (a *Appliance) newAsker(iface, device int) *asker {
	k := &asker{appliance: a, iface: iface}
	k.frame = make([]byte, wire.EthernetLen+wire.IPv4MinLen+wire.UDPLen+dhcp.MessageLen)
	k.client = dhcp.New(dhcp.Config{MAC: a.devices[device].MAC(), Send: k.send, Changed: k.changed})
	a.askers = append(a.askers, k)
	return k
}

// receive is the interface's engine.Interface.Bootstrap.
func (k *asker) receive(data []byte, nowNanos int64) {
	if !k.given {
		k.client.Receive(data, nowNanos)
	}
}

// tick asks when it is time, and gives up when patience has ended.
func (k *asker) tick(nowNanos int64) {
	if k.given {
		return
	}
	f := &k.appliance.program.Ifaces[k.iface]
	if _, ok := k.client.Lease(); !ok && f.Mode == DHCPWithFallback && nowNanos >= int64(patience) {
		k.given = true
		k.appliance.leases[k.iface] = lease{f.Address, f.Gateway}
		k.appliance.readdress(k.iface, "no answer from DHCP, as declared")
		return
	}
	k.client.Tick(nowNanos)
}

// deadline is when tick has to be called next.
func (k *asker) deadline() int64 {
	if k.given {
		return dhcp.Never
	}
	d := k.client.Deadline()
	if _, ok := k.client.Lease(); !ok && k.appliance.program.Ifaces[k.iface].Mode == DHCPWithFallback {
		d = min(d, int64(patience))
	}
	return d
}

// send puts a message into a datagram and sends it.
func (k *asker) send(message []byte, from, to wire.Addr4) {
	everybody := to == 0
	if everybody || to == wire.Broadcast4 {
		to, everybody = wire.Broadcast4, true
	}
	k.id++
	payload, pseudo := wire.SetIP(k.frame[wire.EthernetLen:], wire.From4(from), wire.From4(to), wire.ProtoUDP, 64, k.id)
	copy(payload[wire.UDPLen:], message)
	wire.UDP(payload).SetHeader(dhcp.ClientPort, dhcp.ServerPort, pseudo)
	now := k.appliance.clock.nanos(time.Now())
	if everybody {
		k.appliance.engine.Broadcast(k.appliance.numbers[k.iface], k.frame, now)
	} else {
		k.appliance.engine.Send(k.frame, now)
	}
}

// changed takes a lease, or the loss of one.
func (k *asker) changed(l *dhcp.Lease) {
	a := k.appliance
	if l == nil {
		delete(a.leases, k.iface)
		a.readdress(k.iface, "the DHCP lease is lost")
		return
	}
	a.leases[k.iface] = lease{l.Address, l.Router}
	a.readdress(k.iface, fmt.Sprintf("dhcp, lease %v from %v", l.Duration.Round(time.Second), l.Server))
}

// readdress makes the address in leases that of an interface, and says so. An
// address that the engine refuses, because it is another interface's, leaves
// the interface without one.
func (a *Appliance) readdress(iface int, why string) {
	f := &a.program.Ifaces[iface]
	l, ok := a.leases[iface]
	var addrs []wire.Prefix4
	if ok && l.address.Bits > 0 {
		addrs = []wire.Prefix4{l.address}
	}
	if err := a.engine.Readdress(a.numbers[iface], addrs, a.routes(a.leases)); err != nil {
		delete(a.leases, iface)
		fmt.Fprintf(a.out, "%s: %v is of no use: %v\n", f.Name, l.address, err)
		if err := a.engine.Readdress(a.numbers[iface], nil, a.routes(a.leases)); err != nil {
			fmt.Fprintf(a.out, "%s: %v\n", f.Name, err)
		}
		return
	}
	if len(addrs) == 0 {
		fmt.Fprintf(a.out, "%s: no address (%s)\n", f.Name, why)
		return
	}
	fmt.Fprintf(a.out, "%s: %v gateway %v (%s)\n", f.Name, l.address, l.gateway, why)
	a.engine.Announce()
}
