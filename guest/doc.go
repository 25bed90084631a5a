// Package guest gives a unikernel the devices of its manifest: network
// devices that carry Ethernet frames and block devices. All else, goroutines,
// time, randomness, the console, is the Go language and its standard library
// as they are.
//
// A goroutine that waits for a device parks like one that waits for a
// channel; the vCPU sleeps only when all goroutines wait.
package guest
