// Package network connects package net with the TCP/IP stack of the
// unikernel. Linking it is all a program does; tender build does it for
// programs that use package net.
package network

import (
	_ "tender/guest/sockets"
	_ "tender/guest/stack"
)
