package sockets

// Linux's numbers that package syscall does not name.
const (
	sysSendmmsg = 307

	soReusePort     = 15
	soLockFilter    = 44
	soBusyPoll      = 46
	soIncomingCPU   = 49
	soBindToIfindex = 62
	soRcvTimeoNew   = 66
	soSndTimeoNew   = 67

	tcpUserTimeout  = 18
	tcpNotSentLowat = 25

	ipRecvOrigDstAddr   = 20
	ipNoDefragment      = 22
	ipBindAddressNoPort = 24
	mcastJoinGroup      = 42
	mcastLeaveGroup     = 45
	ipMulticastAll      = 49

	ipv6MulticastAll    = 29
	ipv6RecvPathMTU     = 60
	ipv6DontFrag        = 62
	ipv6AutoFlowLabel   = 70
	ipv6AddrPreferences = 72
	ipv6RecvOrigDstAddr = 74

	solRaw     = 255
	icmpFilter = 1
)
