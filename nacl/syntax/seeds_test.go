package syntax

// firewall and proxy are the two programs of the published texts.
const firewall = `Iface outside { address: 10.0.0.2, netmask: 255.255.255.0, gateway: 10.0.0.1, index: 0 }
Iface inside { address: 192.168.0.1, netmask: 255.255.255.0, index: 1 }
Gateway myGateway {
  forward: firewallchain,
  outside_route: { net: 10.0.0.0, netmask: 255.255.255.0, Iface: outside },
  inside_route: { net: 192.168.0.0, netmask: 255.255.255.0, iface: inside },
  default_route: { net: 0.0.0.0, netmask: 0.0.0.0, nexthop: 10.0.0.1, iface: outside }
}
Syslog settings { address: 192.168.0.231, port: 6514 }
bastion_host: 10.55.1.1
allowed_services: [80,443]
allowed_hosts: [192.168.0.10 - 192.168.0.200]
Filter::IP firewallchain {
  if (ct.state == established) {
    syslog(INFO, "Accepting packet from an already established connection (from ", ip.saddr, ")")
    accept
  }
  if (ip.saddr == bastion_host) { accept }
  Filter::TCP {
    if (ip.daddr in allowed_hosts and tcp.dport in allowed_services) {
      syslog(INFO, "New connection established (from ", ip.saddr, ")")
      accept
    }
  } // end TCP
  syslog(WARNING, "Dropping packet from saddr ", ip.saddr," to ",ip.daddr)
  drop
}
`

const proxy = `Iface outside { address: 10.0.0.2, netmask: 255.255.255.0, gateway: 10.0.0.1, prerouting: mydnat, index: 0 }
Iface inside { address: 192.168.0.1, netmask: 255.255.255.0, postrouting: mysnat, index: 1 }
target: 192.168.0.54 // DNAT onto this host:
tport: 5001
Nat::IP mydnat { Nat::TCP { if (ip.daddr == outside.address and tcp.dport == tport ) { dnat(target) } } }
Nat::IP mysnat { Nat::TCP { if (ip.daddr == target and tcp.dport == tport ) { snat(inside.address) } } }
`

// seeds are texts for the fuzz targets, right and wrong ones.
var seeds = []string{
	firewall, proxy, "", "80 90", "x: 80 90", "x: (-5)", "x: 1.5 - 2.5", "x: ::", "x: ::1-::2", "x:2001:db8::/32",
	"Filter :: IP f{accept drop}", "Filter::IP f {\n if (not (a and b) or c in 10.0.0.0/8) {log(\"x\\n\")} else {drop}\n}",
	"x: {a-b: [1, {c: d.e}], f: true}", "x.y.z: 5", "#\n//\n/* a\nb */ x: 5 # c", `x: "a /* b */ c"`, `x: "http://x"`, `x: "`,
	"Iface eth0 dhcp-with-fallback\neth0.index: 0", "/*", "\x00\xff", "x: {a: 1,}", "x: []", "Filter::IP f { if (a) { accept }\nGateway g {a: 1}",
	"Fee :: ADD x { accept }", "x: face:b::1", "x: 10 . 0 . 0 /* c */ . 1", "x: [ # first\n1, # one\n# two\n2\n]", "é: ü", "if else in",
}
