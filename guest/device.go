package guest

import "tender/abi"

// NICNames lists the network devices of the manifest, in its order.
func NICNames() ([]string, error) { return deviceNames(abi.DeviceNet) }

// BlockNames lists the block devices of the manifest, in its order.
func BlockNames() ([]string, error) { return deviceNames(abi.DeviceBlock) }
