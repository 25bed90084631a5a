// Package stack gives a unikernel its TCP/IP: it puts netstack
// (gvisor.dev/gvisor/pkg/tcpip) on the network devices of the manifest, with a
// loopback interface beside them, and configures it from the guest's arguments,
// by DHCP and by IPv6 router advertisements.
//
//	cfg, rest, err := stack.Parse(os.Args[1:], names)   // names of the devices
//	log := stack.NewLogger(os.Stderr, cfg.Level)
//	net, err := stack.Start(nics, cfg, log)
//	net.Stack()                                         // netstack, for sockets
//
// # Arguments
//
// Options of the library OS lead the argument list. The first argument that is
// not one of them ends them; "--" ends them too and is taken away. What follows
// is the program's. Values follow "=" or are the next argument.
//
// These are about an interface: the only one, or the first. With a name in
// front, as in --inside:ipv4=10.0.0.2/24, they are about that one.
//
//	--ipv4=10.0.0.2/24               address and prefix
//	--ipv4-gateway=10.0.0.1          default router, inside of the prefix
//	--ipv6=2001:db8::2/64            address and prefix
//	--ipv6-gateway=fe80::1           default router, inside of the prefix or link-local
//	--dhcp                           IPv4 by DHCP, instead of --ipv4
//	--accept-router-advertisements   IPv6 by SLAAC (RFC 4862); may stand beside --ipv6
//	--mtu=1400                       largest packet in bytes, 1280 or more
//
// These are about the guest:
//
//	--dns=10.0.0.1,2001:db8::53      name servers, instead of those that are announced
//	--hostname=web                   name, instead of the one DHCP gives
//	--env=KEY=VALUE                  a variable of the program's environment
//	--log=debug|info|warn|error      what of the library OS's messages is printed
//	--quiet                          as --log=warn: no line at boot
//
// --dns and --env may be repeated; of the others each may be given once per
// interface.
package stack
