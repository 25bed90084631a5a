// Package network connects package net with the TCP/IP stack of the unikernel:
// it takes the network options from the guest's arguments, starts the stack on all
// network devices of the manifest, and makes the socket calls of the standard
// library reach it. All of that happens while the program's packages are
// initialised. Linking the package is all that a program does, and tender build does it
// for programs that use package net.
//
// The options are those of package stack. They are taken out of os.Args. Wrong ones end the guest
// with a line on the console and stack.ExitUsage.
package network
