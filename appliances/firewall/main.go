// Firewall is a unikernel that routes IPv4 between two networks and lets
// through what its rules allow. Its arguments are explained by --help.
package main

import (
	"os"

	"tender/guest/net/link"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, openDevices))
}

// openDevices opens the two network devices of the manifest.
func openDevices() (devices, error) {
	nics, path, err := link.Open(ifaceNames[:]...)
	if err != nil {
		return devices{}, err
	}
	return devices{nics: [2]link.Device(nics), poller: path}, nil
}
