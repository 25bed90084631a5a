// Firewall is a unikernel that routes IPv4 between two networks and lets
// through what its rules allow. Its arguments are explained by --help.
package main

import (
	"os"

	"tender/guest"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, openDevices))
}

// openDevices opens the two network devices of the manifest.
func openDevices() (devices, error) {
	var d devices
	var nics [2]*guest.NIC
	for i, name := range ifaceNames {
		n, err := guest.OpenNIC(name)
		if err != nil {
			return d, err
		}
		if _, err := n.Offload(); err != nil {
			return d, err
		}
		nics[i] = n
	}
	path, err := guest.NewPath(nics[:]...)
	if err != nil {
		return d, err
	}
	for i := range nics {
		d.nics[i] = path.Port(i)
	}
	d.poller = path
	return d, nil
}
