package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/netback"
)

// attachment is a device of the manifest with what the host gives for it.
type attachment struct {
	image.Device
	backing string  // interface, @FD or path
	mac     [6]byte // all zero: any
	disk    blockback.Options
}

// assign says what backs each device of the manifest: what is given by name
// first, what is given in order for the rest.
func (o *runOptions) assign(m image.Manifest) ([]attachment, error) {
	if err := o.checkNames(m); err != nil {
		return nil, err
	}
	rest := map[abi.DeviceType][]string{abi.DeviceNet: o.nets.inOrder, abi.DeviceBlock: o.blocks.inOrder}
	var all []attachment
	var missing []image.Device
	for _, d := range m {
		if d.Type != abi.DeviceNet && d.Type != abi.DeviceBlock {
			continue
		}
		a := attachment{Device: d, backing: o.named(d.Type).byName[d.Name]}
		switch next := rest[d.Type]; {
		case a.backing != "":
		case len(next) > 0:
			a.backing, rest[d.Type] = next[0], next[1:]
		default:
			missing = append(missing, d)
			continue
		}
		a.settings(o)
		all = append(all, a)
	}
	for _, t := range []abi.DeviceType{abi.DeviceNet, abi.DeviceBlock} {
		if len(rest[t]) > 0 {
			return nil, fmt.Errorf("%s=%s: the image has no further %s device: %s", flagOf(t), rest[t][0], kindOf(t), declared(m))
		}
	}
	if len(missing) > 0 {
		return nil, missingError(missing)
	}
	return all, checkShared(all)
}

func (o *runOptions) named(t abi.DeviceType) *backings {
	if t == abi.DeviceNet {
		return &o.nets
	}
	return &o.blocks
}

// settings takes the options about the device over those of its image.
func (a *attachment) settings(o *runOptions) {
	a.mac = a.PresetMAC
	a.disk = blockback.Options{BlockBytes: int(a.PresetBlockBytes), Sync: o.syncs[a.Name], ReadOnly: o.readOnly[a.Name]}
	if mac, ok := o.macs[a.Name]; ok {
		a.mac = mac
	}
	if n, ok := o.sectorBytes[a.Name]; ok {
		a.disk.BlockBytes = n
	}
}

// checkNames finds options for a device the image does not have.
func (o *runOptions) checkNames(m image.Manifest) error {
	for _, c := range []struct {
		flag  string
		typ   abi.DeviceType
		names []string
	}{
		{"--net", abi.DeviceNet, slices.Sorted(maps.Keys(o.nets.byName))},
		{"--net-mac", abi.DeviceNet, slices.Sorted(maps.Keys(o.macs))},
		{"--block", abi.DeviceBlock, slices.Sorted(maps.Keys(o.blocks.byName))},
		{"--block-sector-size", abi.DeviceBlock, slices.Sorted(maps.Keys(o.sectorBytes))},
		{"--block-sync", abi.DeviceBlock, slices.Sorted(maps.Keys(o.syncs))},
		{"--block-ro", abi.DeviceBlock, slices.Sorted(maps.Keys(o.readOnly))},
	} {
		for _, name := range c.names {
			if _, ok := m.Handle(name, c.typ); !ok {
				return fmt.Errorf("%s:%s: the image has no %s device %q: %s", c.flag, name, kindOf(c.typ), name, declared(m))
			}
		}
	}
	return nil
}

// declared tells what an image has, for messages.
func declared(m image.Manifest) string {
	var parts []string
	for _, d := range m {
		if d.Type == abi.DeviceNet || d.Type == abi.DeviceBlock {
			parts = append(parts, fmt.Sprintf("%s:%s", flagOf(d.Type), d.Name))
		}
	}
	if len(parts) == 0 {
		return "its manifest declares no devices, drop the option"
	}
	return "its manifest declares " + strings.Join(parts, ", ")
}

func missingError(missing []image.Device) error {
	if len(missing) == 1 {
		d := missing[0]
		return fmt.Errorf("%s device %q is not attached: add %s", kindOf(d.Type), d.Name, attachWith(d))
	}
	var names, flags []string
	for _, d := range missing {
		names = append(names, fmt.Sprintf("%s device %q", kindOf(d.Type), d.Name))
		flags = append(flags, fmt.Sprintf("%s:%s=%s", flagOf(d.Type), d.Name, valueOf(d.Type)))
	}
	return fmt.Errorf("%s are not attached: add %s", strings.Join(names, ", "), strings.Join(flags, " "))
}

// attachWith is the option that attaches a device.
func attachWith(d image.Device) string {
	flag, value := flagOf(d.Type), valueOf(d.Type)
	return fmt.Sprintf("%s:%s=%s (or %[1]s=%[3]s)", flag, d.Name, value)
}

func flagOf(t abi.DeviceType) string {
	if t == abi.DeviceNet {
		return "--net"
	}
	return "--block"
}

func valueOf(t abi.DeviceType) string {
	if t == abi.DeviceNet {
		return "IFACE"
	}
	return "PATH"
}

func kindOf(t abi.DeviceType) string {
	if t == abi.DeviceNet {
		return "network"
	}
	return "block"
}

// checkShared finds two devices on one backing, to name both. Files with two
// names are left to blockback.
func checkShared(all []attachment) error {
	type key struct {
		typ     abi.DeviceType
		backing string
	}
	first := make(map[key]string)
	for _, a := range all {
		k := key{a.Type, a.backing}
		if other, ok := first[k]; ok {
			return fmt.Errorf("%s is given for the %s devices %q and %q: give each its own", a.backing, kindOf(a.Type), other, a.Name)
		}
		first[k] = a.Name
	}
	return nil
}

// devices are open backings by the names of their devices.
type devices struct {
	net   map[string]netback.Device
	block map[string]blockback.Device
}

func newDevices() *devices {
	return &devices{make(map[string]netback.Device), make(map[string]blockback.Device)}
}

// tapOptions are those of TAPs for an image: with rings a guest takes many frames, and
// may take large ones.
func tapOptions(im *image.Image) (opts netback.Options) {
	if note := im.Tender; note != nil && note.Flags&abi.FlagUMEM != 0 {
		opts.LongQueue = true
		opts.Header = note.Flags&abi.FlagOffloads != 0
	}
	return opts
}

// openDevices opens all backings or none, with these options but for addresses.
func openDevices(all []attachment, opts netback.Options) (_ *devices, err error) {
	d := newDevices()
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	for _, a := range all {
		if err := d.open(a, opts); err != nil {
			return d, fmt.Errorf("%s device %q: %w", kindOf(a.Type), a.Name, err)
		}
	}
	return d, nil
}

func (d *devices) open(a attachment, opts netback.Options) error {
	if a.Type == abi.DeviceBlock {
		file, err := blockback.OpenFile(a.backing, a.disk)
		if err != nil {
			return err
		}
		d.block[a.Name] = file
		return nil
	}
	opts.MAC = a.mac
	dev, err := openNet(a.backing, opts)
	if err != nil {
		return err
	}
	d.net[a.Name] = dev
	return nil
}

// openNet opens what backs a network device: a TAP's name, @FD, or xdp: and the
// name of an interface.
func openNet(backing string, opts netback.Options) (netback.Device, error) {
	if name, ok := strings.CutPrefix(backing, "xdp:"); ok {
		return openDevice(netback.OpenXDP(name, opts))
	}
	number, ok := strings.CutPrefix(backing, "@")
	if !ok {
		return openDevice(netback.OpenTAP(backing, opts))
	}
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil, fmt.Errorf("@%s is not the number of a descriptor: %w", number, err)
	}
	return openDevice(netback.FromFD(fd, opts))
}

// openDevice makes no device of a nil pointer.
func openDevice[D netback.Device](d D, err error) (netback.Device, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// closeError says that devices were not closed well: writes may be lost,
// however the guest has ended.
type closeError struct{ error }

func (e closeError) Unwrap() error { return e.error }

// Close closes all devices. It fails with a closeError.
func (d *devices) Close() error {
	var errs []error
	closeAll := func(name string, c io.Closer) {
		if err := c.Close(); err != nil {
			errs = append(errs, fmt.Errorf("device %q: %w", name, err))
		}
	}
	for name, dev := range d.net {
		closeAll(name, dev)
	}
	for name, dev := range d.block {
		closeAll(name, dev)
	}
	if len(errs) == 0 {
		return nil
	}
	return closeError{errors.Join(errs...)}
}
