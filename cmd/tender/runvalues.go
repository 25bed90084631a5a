package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tender/abi"
	"tender/blockback"
	"tender/confine"
	"tender/hvt"
)

// Values of options of `tender run`.

// parseMem reads a size in MB. As with Solo5, an odd one at the upper end is
// within the range, since it is rounded down.
func parseMem(value string) (uint64, error) {
	const largest = abi.HVTMaxMem >> 20
	n, err := parseDecimal(value)
	if err != nil || n == 0 || n > largest+1 {
		return 0, fmt.Errorf("--mem=%s: memory is a whole number of MB, 1 to %d", value, largest)
	}
	return n << 20, nil
}

// defaultGrace is how long a guest may take to stop when nothing is said.
const defaultGrace = 10 * time.Second

func parseGrace(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("--grace=%s: it is a time: write 10s, 1m30s or 0, for example", value)
	}
	return d, nil
}

func parseCPU(value string) (*int, error) {
	n, err := parseDecimal(value)
	if err != nil || n > math.MaxInt16 {
		return nil, fmt.Errorf("--cpu=%s: it is the number of a CPU, the first being 0", value)
	}
	cpu := int(n)
	return &cpu, nil
}

func parseStart(value string) (hvt.Start, error) {
	for _, s := range []hvt.Start{hvt.StartAuto, hvt.StartUser, hvt.StartKernel} {
		if s.String() == value {
			return s, nil
		}
	}
	return 0, fmt.Errorf("--start=%s: the start mode is auto, user or kernel", value)
}

func parseUser(value string) (*confine.User, error) {
	u, err := confine.ParseUser(value)
	if err != nil {
		return nil, fmt.Errorf("--user=%s: %w", value, err)
	}
	return &u, nil
}

func parseSector(name, value string) (int, error) {
	n, err := parseDecimal(value)
	if err != nil || n < blockback.MinBlockBytes || n > blockback.MaxBlockBytes || n&(n-1) != 0 {
		return 0, fmt.Errorf("--block-sector-size:%s=%s: a sector size is a power of two from %d to %d",
			name, value, blockback.MinBlockBytes, blockback.MaxBlockBytes)
	}
	return int(n), nil
}

func parseSync(name, value string) (blockback.Sync, error) {
	switch value {
	case "on":
		return blockback.SyncData, nil
	case "off":
		return blockback.SyncNone, nil
	}
	return 0, fmt.Errorf("--block-sync:%s=%s: it is on or off", name, value)
}

func checkInterface(value string) error {
	if value == "" {
		return errors.New("--net has an empty value: write --net=IF or --net:NAME=IF")
	}
	if number, ok := strings.CutPrefix(value, "@"); ok {
		if n, err := parseDecimal(number); err != nil || n > math.MaxInt32 {
			return fmt.Errorf("--net: %s is not the number of a descriptor: write @3, for example", value)
		}
	}
	return nil
}

// parseDecimal is ParseUint for digits only.
func parseDecimal(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number: %w", text, err)
	}
	return n, nil
}
