package main

const help = `firewall: a stateful IPv4 firewall between two networks

It has two network devices, "outside" and "inside". It routes between them,
answers ARP and pings, and drops what no rule allows. Answers to what was
allowed, and ICMP errors about it, always pass.

Addresses (both needed; give a flag again for more addresses)
  --outside=ADDRESS/BITS     --outside=10.0.0.2/24
  --inside=ADDRESS/BITS      --inside=192.168.0.1/24

Routes (the networks above need none)
  --route=NETWORK,NEXTHOP[,cost=N]
                             --route=0.0.0.0/0,10.0.0.1

Rules, tried in the order given; the first that matches decides
  --allow=PROTOCOL[,TEST...] --allow=tcp,dst=192.168.0.20,dport=80
  --drop=PROTOCOL[,TEST...]  --drop=any,src=10.0.0.66
  --policy=drop|accept       what is done where no rule matches (drop)
  PROTOCOL is any, tcp, udp, icmp or a number. All TESTs must hold:
    in=outside|inside        the device it came in on
    out=outside|inside       the device it goes out on
    src=ADDRESS[/BITS]       where it comes from
    dst=ADDRESS[/BITS]       where it goes to
    sport=N or sport=N-M     ports, of tcp and udp
    dport=N or dport=N-M
    type=NAME or type=N      of icmp: echo-request, timestamp, or a number

Limits
  --echo=yes|no              answer pings to the firewall itself (yes)
  --flows=N                  connections remembered (16384)
  --icmp-errors=N            ICMP errors sent per second, at most (100)

Running
  --stats=DURATION           print counters every so often, as 10s or 1m
  --exit-after=DURATION      print counters and end
  --help                     this text

Exit status: 0 at the end, 1 if a device fails, 64 for a wrong argument.

Example: a web server behind the firewall
  --outside=10.0.0.2/24 --inside=192.168.0.1/24 --route=0.0.0.0/0,10.0.0.1
  --allow=tcp,in=outside,dst=192.168.0.20,dport=80 --allow=icmp,type=echo-request
  --allow=any,in=inside --stats=10s
`
