package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"tender/tests/rig"
)

// Metrics, as they are called in the JSON file.
const (
	udp = "udp60_kpps"
	tcp = "tcp_gbps"
	rr  = "rr_p50_us"
)

// candidate is a system with some rules, and what was measured of it.
type candidate struct {
	system string
	cores  int
	rules  int
	kind   string
	// build makes it, between hosts that are ready.
	build   func() (*path, error)
	figures map[string][]float64
}

func (c *candidate) String() string {
	return fmt.Sprintf("%s/%d, %d %s rules", c.system, c.cores, c.rules, c.kind)
}

// path is two hosts with a system between them.
type path struct {
	outside, inside *rig.Namespace
	// device is the interface of both hosts' sides.
	outsideDevice, insideDevice string
	close                       func() error
}

// linuxSystems are Linux as a router: how it gets n rules of a kind.
var linuxSystems = []struct {
	name   string
	filter func(kind string, n int) (tool string, text string)
}{
	{"linux-none", nil},
	{"linux-legacy", legacyRules},
	{"linux-nft", nftLinear},
	{"linux-nftset-ct", nftSet},
}

// newPlan lists what is measured, in the order of a round. Images are built now.
func newPlan(o options, dir string) (plan []*candidate, err error) {
	wanted := func(system string, cores int) bool {
		return len(o.systems) == 0 || slices.Contains(o.systems, system) || slices.Contains(o.systems, fmt.Sprintf("%s/%d", system, cores))
	}
	for _, n := range o.rules {
		for _, kind := range o.kinds {
			if n == 0 && kind != o.kinds[0] {
				continue // no rules are of no kind
			}
			image := ""
			for _, system := range []string{"tender-hvt", "tender-spt"} {
				if !wanted(system, 2) {
					continue
				}
				if image == "" {
					if image, err = buildImage(o.tender, dir, kind, n); err != nil {
						return nil, err
					}
				}
				plan = append(plan, &candidate{system: system, cores: 2, rules: n, kind: kind,
					build: func() (*path, error) { return newUnikernel(o.tender, system, image) }})
			}
			for _, s := range linuxSystems {
				for _, cores := range []int{1, 2} {
					if s.filter == nil && n > 0 || !wanted(s.name, cores) {
						continue
					}
					if s.name == "linux-legacy" {
						if _, err := exec.LookPath("iptables-legacy-restore"); err != nil {
							continue
						}
					}
					plan = append(plan, &candidate{system: s.name, cores: cores, rules: n, kind: kind,
						build: func() (*path, error) { return newLinux(s.filter, kind, n, cores) }})
				}
			}
		}
	}
	for _, c := range plan {
		c.figures = map[string][]float64{}
	}
	return plan, nil
}

// buildImage makes the NaCl firewall with the rules.
func buildImage(tender, dir, kind string, n int) (string, error) {
	source := filepath.Join(dir, fmt.Sprintf("%s%d.nacl", kind, n))
	if err := os.WriteFile(source, []byte(naclRules(kind, n)), 0o644); err != nil {
		return "", err
	}
	image := filepath.Join(dir, fmt.Sprintf("%s%d.hvt", kind, n))
	progress("building %s", filepath.Base(image))
	if out, err := exec.Command(tender, "nacl", "build", "-o", image, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("tender nacl build: %w\n%s", err, out)
	}
	return image, nil
}
