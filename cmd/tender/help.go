package main

import (
	"fmt"
	"strings"
)

// summary is the first sentence about the command.
const summary = "tender runs Go programs and Solo5 images as unikernels on Linux KVM."

// example is a command line with what it does.
type example struct{ line, does string }

var runExamples = []example{
	{"tender hello.hvt", "run an image"},
	{"tender --mem=64 hello.hvt --name=World", "with 64 MB; what comes after IMAGE is the guest's"},
	{"tender --net=tap0 --net=tap1 firewall.hvt", "TAPs for its network devices, in the order of its manifest"},
	{"tender --net:outside=tap0 --net:inside=tap1 firewall.hvt", "the same by name"},
	{"tender --net=xdp:eth1 --net=xdp:eth2 firewall.hvt", "two interfaces of the host instead of TAPs, by AF_XDP (as root)"},
	{"tender --block:data=disk.img store.hvt", "a file as its disk"},
	{"ip tuntap add dev tap0 mode tap && ip link set tap0 up", "make a TAP (as root)"},
	{"tender build -o firewall.hvt ./appliances/firewall", "make an image of a Go main package"},
	{"tender inspect firewall.hvt", "show its devices and the options that attach them"},
}

// runHelp is the text of --help.
func runHelp() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  tender [run] [options] [--] IMAGE [guest arguments]\n  tender COMMAND [arguments]\n\nExamples:\n", summary)
	for _, e := range runExamples {
		fmt.Fprintf(&b, "  # %s\n  %s\n", e.does, e.line)
	}
	b.WriteString("\nOptions:\n")
	for _, o := range runOptionTable {
		fmt.Fprintf(&b, "  %s\n        %s\n", strings.Join(o.forms(), ", "), o.help)
	}
	b.WriteString("\nCommands:\n")
	for _, c := range newRoot(stdio{}).Commands() {
		if c.IsAvailableCommand() {
			fmt.Fprintf(&b, "  %-12s%s\n", c.Name(), c.Short)
		}
	}
	b.WriteString("\n" + exitStatuses + "\n" + solo5Names + "\nA file that has the name of a command is run by tender run NAME or tender ./NAME.\ntender help COMMAND tells more.\n")
	return b.String()
}

const exitStatuses = `Exit status:
  The guest's own; 1 if tender cannot run it or has to end it; 255 if it
  aborted. A program that handles SIGTERM chooses how it ends when tender is
  stopped; one that does not has to be ended.
`

const solo5Names = `Other names:
  Started by a link called solo5-hvt, solo5-spt or solo5-elftool, it is that
  program of Solo5, options, messages and exit statuses included.
`
