package machine

import (
	"fmt"
	"strings"

	"tender/abi"
	"tender/image"
)

// MissingDevicesError lists the devices that the manifest declares and
// Config does not attach, in the order of the manifest.
type MissingDevicesError struct {
	Guest   string
	Devices []image.Device
}

func (e *MissingDevicesError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", e.Guest)
	for _, d := range e.Devices {
		fmt.Fprintf(&b, " Device '%s' of type %s declared but not attached.", d.Name, image.TypeName(d.Type))
	}
	b.WriteString(" All declared devices must be attached")
	return b.String()
}

// UndeclaredDeviceError names a device of Config that the manifest does not
// declare with that type.
type UndeclaredDeviceError struct {
	Guest string
	Name  string
	Type  abi.DeviceType
}

func (e *UndeclaredDeviceError) Error() string {
	return fmt.Sprintf("%s: Resource not declared in manifest: '%s' of type %s", e.Guest, e.Name, image.TypeName(e.Type))
}
