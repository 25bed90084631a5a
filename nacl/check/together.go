package check

import (
	"tender/nacl/program"
)

// together checks what several elements have to do with each other, and marks
// the functions that chains lead to.
func (c *checker) together() {
	for _, e := range c.ordered {
		if e.checked != nil {
			c.out.Functions = append(c.out.Functions, e.checked)
		}
	}
	c.devices()
	for _, i := range c.out.Ifaces {
		for _, chain := range [][]*program.Function{i.Prerouting, i.Input, i.Output, i.Postrouting} {
			use(chain)
		}
	}
	if g := c.out.Gateway; g != nil {
		use(g.Forward)
	}
}

// devices refuses two plain Ifaces, or two of one VLAN, on one device.
func (c *checker) devices() {
	type place struct {
		index int
		mac   string
		vlan  int
	}
	first := map[place]*program.Iface{}
	for _, e := range c.ordered {
		i := c.ifaces[e]
		if i == nil || i.Index == program.NoDevice && i.MAC == "" {
			continue
		}
		p := place{i.Index, i.MAC, i.VLAN}
		if e.root.member("vlan") != nil && i.VLAN == 0 {
			continue // it was reported
		}
		switch o := first[p]; {
		case o == nil:
			first[p] = i
		case i.VLAN == 0:
			c.errorf(e.root.member("index").key.Span, "Iface %s has the index of Iface %s: only vlans share a device", i.Name, o.Name)
		default:
			c.errorf(e.root.member("vlan").key.Span, "Iface %s is the same vlan of the same device as Iface %s", i.Name, o.Name)
		}
	}
}

// use marks functions and what they call.
func use(chain []*program.Function) {
	for _, f := range chain {
		if !f.Used {
			f.Used = true
			useCalled(f.Body)
		}
	}
}

func useCalled(body []program.Stmt) {
	for _, s := range body {
		switch s := s.(type) {
		case *program.Call:
			use([]*program.Function{s.Function})
		case *program.Block:
			useCalled(s.Body)
		case *program.If:
			useCalled(s.Then)
			useCalled(s.Else)
		}
	}
}
