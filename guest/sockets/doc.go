// Package sockets answers Linux's socket calls over a TCP/IP stack inside the
// unikernel, so that package net works unmodified.
package sockets

import _ "gvisor.dev/gvisor/pkg/tcpip/stack"
