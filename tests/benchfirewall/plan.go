package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// candidate is a system with some rules, and what was measured of it.
type candidate struct {
	system string
	cores  int
	rules  int
	kind   string
	// image is the unikernel's; nil for Linux.
	image *image
	// build makes it, between hosts that are ready.
	build   func() (*path, error)
	figures map[string][]float64
}

func (c *candidate) String() string {
	return fmt.Sprintf("%s/%d, %d %s rules", c.system, c.cores, c.rules, c.kind)
}

// linuxSystem is Linux as a router: how it gets n rules of a kind.
type linuxSystem struct {
	name   string
	filter func(kind string, n int) (tool string, text string)
}

var linuxSystems = []linuxSystem{
	{"linux-none", nil},
	{"linux-legacy", legacyRules},
	{"linux-nft", nftLinear},
	{"linux-nftset-ct", nftSet},
}

// plan is what is measured, in the order of a round.
type plan struct {
	options    *options
	dir        string // scratch folder
	candidates []*candidate
}

// newPlan lists what the options ask for. Images are built now.
func newPlan(o *options, dir string) (*plan, error) {
	p := &plan{options: o, dir: dir}
	if err := p.addBare(); err != nil {
		return nil, err
	}
	for _, n := range o.rules {
		for _, kind := range o.kinds {
			if n == 0 && kind != o.kinds[0] {
				continue // no rules are of no kind
			}
			if err := p.addTenders("", n, kind, naclRules(kind, n)); err != nil {
				return nil, err
			}
			p.addLinux(n, kind)
		}
	}
	if len(p.candidates) == 0 {
		return nil, fmt.Errorf("-systems %v: there is none of them", o.systems)
	}
	return p, nil
}

// add adds a candidate.
func (p *plan) add(c *candidate) {
	c.figures = map[string][]float64{}
	p.candidates = append(p.candidates, c)
}

// wants says whether a system, with so many CPUs, is to be measured.
func (p *plan) wants(system string, cores int) bool {
	wanted := p.options.systems
	return len(wanted) == 0 || slices.Contains(wanted, system) || slices.Contains(wanted, fmt.Sprintf("%s/%d", system, cores))
}

// addBare adds what compares with Linux without netfilter: programs that only
// forward.
func (p *plan) addBare() error {
	if !slices.Contains(p.options.rules, 0) {
		return nil
	}
	return p.addTenders("-bare", 0, p.options.kinds[0], naclForward())
}

// tenderSystem is an image under a tender: how the hosts are connected to it.
type tenderSystem struct {
	name  string
	spt   bool
	wired func(*unikernel) (*path, error)
}

var tenderSystems = []tenderSystem{
	{"tender-hvt", false, (*unikernel).onTAPs},
	{"tender-spt", true, (*unikernel).onTAPs},
	{"tender-hvt-xdp", false, (*unikernel).onXDP},
	{"tender-spt-xdp", true, (*unikernel).onXDP},
}

// addTenders adds a NaCl program under each tender.
func (p *plan) addTenders(variant string, rules int, kind, source string) (err error) {
	var im *image
	for _, s := range tenderSystems {
		for i, w := range placements {
			system := s.name + variant
			if !p.wants(system, 2) || i > 0 && !p.options.placement {
				continue
			}
			if im == nil {
				if im, err = p.buildImage(fmt.Sprintf("%s%d%s", kind, rules, variant), source); err != nil {
					return err
				}
			}
			u := &unikernel{tender: p.options.tender, spt: s.spt, image: im.path, placement: w, dir: p.dir}
			p.add(&candidate{system: system + w.suffix, cores: 2, rules: rules, kind: kind, image: im,
				build: func() (*path, error) { return s.wired(u) }})
		}
	}
	return nil
}

// addLinux adds Linux as a router, on one CPU and on two, if a figure is of it.
func (p *plan) addLinux(rules int, kind string) {
	if p.options.breakdown || !slices.ContainsFunc(p.options.figures, func(name string) bool { return !ofTenders(name) }) {
		return
	}
	for _, s := range linuxSystems {
		for _, cores := range []int{1, 2} {
			if s.filter == nil && rules > 0 || !p.wants(s.name, cores) {
				continue
			}
			if s.name == "linux-legacy" {
				if _, err := exec.LookPath("iptables-legacy-restore"); err != nil {
					continue
				}
			}
			p.add(&candidate{system: s.name, cores: cores, rules: rules, kind: kind,
				build: func() (*path, error) { return newLinux(s.filter, kind, rules, cores) }})
		}
	}
}

// image is a unikernel, and the same program with its symbols.
type image struct{ path, symbols string }

// buildImage makes a NaCl program an image.
func (p *plan) buildImage(name, nacl string) (*image, error) {
	source := filepath.Join(p.dir, name+".nacl")
	if err := os.WriteFile(source, []byte(nacl), 0o644); err != nil {
		return nil, err
	}
	im := &image{filepath.Join(p.dir, name+".hvt"), filepath.Join(p.dir, name+".debug")}
	progress("building %s", filepath.Base(im.path))
	if out, err := exec.Command(p.options.tender, "nacl", "build", "-o", im.path, "--debug", im.symbols, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("tender nacl build: %w\n%s", err, out)
	}
	return im, nil
}
