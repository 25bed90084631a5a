package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"
)

// zones are all that are served, by their origin.
type zones map[string]*zone

// readZones reads all zone files of a folder.
func readZones(dir string) (zones, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.zone"))
	if err != nil {
		return nil, fmt.Errorf("--zones=%s: %w", dir, err)
	}
	all := zones{}
	var failures []error
	for _, file := range files {
		z, err := readZoneFile(file)
		if err == nil && all[z.origin] != nil {
			err = fmt.Errorf("%s: the zone %s is in another file too", file, z.origin)
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		all[z.origin] = z
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("--zones=%s: there is no file *.zone in this folder", dir)
	}
	return all, nil
}

func readZoneFile(file string) (*zone, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readZone(f, strings.TrimSuffix(filepath.Base(file), ".zone"), file)
}

// of is the zone that is the authority for records of a type, nil if there is
// none here. Those of type DS belong to the zone above.
func (all zones) of(name string, qtype uint16) *zone {
	var found *zone
	for at := name; ; at = parent(at) {
		if z := all[at]; z != nil {
			if found == nil {
				found = z
			}
			if !(at == name && qtype == dns.TypeDS) {
				return z
			}
		}
		if at == "." {
			return found
		}
	}
}
