package main

import (
	"fmt"
	"strings"
	"testing"

	"tender/abi"
	"tender/blockback"
	"tender/image"
)

func TestAssign(t *testing.T) {
	net, block := netDevice, blockDevice
	preset := image.Device{Name: "p", Type: abi.DeviceNet, PresetMAC: [6]byte{2, 0, 0, 0, 0, 9}}
	sectors := image.Device{Name: "s", Type: abi.DeviceBlock, PresetBlockBytes: 1024}
	reserved := image.Device{Name: "r", Type: abi.DeviceReserved}
	for _, c := range []struct {
		options  string
		manifest image.Manifest
		want     string // name=backing of each attachment, or a part of the error
	}{
		{"", nil, ""},
		{"", image.Manifest{reserved}, ""},
		{"--net=t0", image.Manifest{net("a")}, "a=t0"},
		{"--net=t0 --net=t1", image.Manifest{net("a"), net("b")}, "a=t0 b=t1"},
		{"--net=t0 --net:a=t1", image.Manifest{net("a"), net("b")}, "a=t1 b=t0"},
		{"--net=t0 --net:b=t1 --net=t2", image.Manifest{net("a"), net("b"), net("c")}, "a=t0 b=t1 c=t2"},
		{"--block=f --net=t0", image.Manifest{net("a"), block("a")}, "a=t0 a=f"},
		{"--block=f --block:c=g --block=h", image.Manifest{block("a"), net("n"), block("b"), block("c")}, `network device "n" is not attached: add --net:n=IFACE (or --net=IFACE)`},
		{"--block=f --block:c=g --block=h --net=@3", image.Manifest{block("a"), net("n"), block("b"), block("c")}, "a=f n=@3 b=h c=g"},
		{"--net=t0", image.Manifest{preset}, "p=t0 mac=020000000009"},
		{"--net=t0 --net-mac:p=02:00:00:00:00:01", image.Manifest{preset}, "p=t0 mac=020000000001"},
		{"--block=f", image.Manifest{sectors}, "s=f sector=1024"},
		{"--block=f --block-sector-size:s=4096", image.Manifest{sectors}, "s=f sector=4096"},

		{"--block=f --block-sync:d=on", image.Manifest{block("d")}, "d=f sync"},
		{"--block=f --block-sync:d=on --block-sync:d=off --block-ro:d", image.Manifest{block("d")}, "d=f ro"},

		{"", image.Manifest{net("outside")}, `network device "outside" is not attached: add --net:outside=IFACE (or --net=IFACE)`},
		{"", image.Manifest{block("d")}, `block device "d" is not attached: add --block:d=PATH (or --block=PATH)`},
		{"--net=t0", image.Manifest{net("a"), net("b"), block("d")}, `network device "b", block device "d" are not attached: add --net:b=IFACE --block:d=PATH`},
		{"--net-mac:a=02:00:00:00:00:01", image.Manifest{net("a")}, "is not attached"},
		{"--net:x=t0", image.Manifest{net("a"), block("d")}, `--net:x: the image has no network device "x": its manifest declares --net:a, --block:d`},
		{"--net:d=t0", image.Manifest{block("d")}, `no network device "d"`},
		{"--block:a=f", image.Manifest{net("a")}, `no block device "a"`},
		{"--net-mac:x=02:00:00:00:00:01", image.Manifest{net("a")}, `--net-mac:x: the image has no`},
		{"--block-sector-size:x=512", image.Manifest{block("d")}, `--block-sector-size:x: the image has no`},
		{"--block-sync:x=on", image.Manifest{block("d")}, `--block-sync:x: the image has no`},
		{"--block-ro:n", image.Manifest{net("n")}, `--block-ro:n: the image has no block device "n"`},
		{"--net:x=t0", nil, "declares no devices, drop the option"},
		{"--net:r=t0", image.Manifest{reserved}, "declares no devices"},
		{"--net=t0 --net=t1", image.Manifest{net("a")}, "--net=t1: the image has no further network device: its manifest declares --net:a"},
		{"--block=f", image.Manifest{net("a")}, "--block=f: the image has no further block device"},
		{"--net=t0 --net=t0", image.Manifest{net("a"), net("b")}, `t0 is given for the network devices "a" and "b"`},
		{"--net:a=@3 --net=@3", image.Manifest{net("a"), net("b")}, `@3 is given for the network devices "a" and "b"`},
	} {
		opts, err := parseRun(append(strings.Fields(c.options), "x"))
		check(t, err)
		all, err := opts.assign(c.manifest)
		got := describe(all)
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != c.want || err != nil && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%q for %d devices: %s; want %s", c.options, len(c.manifest), got, c.want)
		}
	}
}

func describe(all []attachment) string {
	var parts []string
	for _, a := range all {
		parts = append(parts, a.Name+"="+a.backing)
		if a.mac != [6]byte{} {
			parts = append(parts, fmt.Sprintf("mac=%x", a.mac))
		}
		if a.disk.BlockBytes != 0 {
			parts = append(parts, fmt.Sprintf("sector=%d", a.disk.BlockBytes))
		}
		if a.disk.Sync == blockback.SyncData {
			parts = append(parts, "sync")
		}
		if a.disk.ReadOnly {
			parts = append(parts, "ro")
		}
	}
	return strings.Join(parts, " ")
}
