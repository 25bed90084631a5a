package hvt

import (
	"testing"

	"tender/abi"
	"tender/image"
	"tender/netback"
)

// What breaks the ring ends the guest, and what is just nonsense does not.
func TestRingHostile(t *testing.T) {
	write := abi.NetRingEntry{Operation: abi.NetRingWrite, Handle: 1, Data: heapAt, Len: 60}
	read := abi.NetRingEntry{Operation: abi.NetRingRead, Handle: 1, Data: heapAt, Len: 60}
	with := func(e abi.NetRingEntry, change func(*abi.NetRingEntry)) func(*testGuest) {
		change(&e)
		return func(g *testGuest) { g.submit(g.put(e)) }
	}
	for _, c := range []struct {
		name     string
		guest    func(g *testGuest)
		breach   Breach
		fragment string // "" if the guest lives
	}{
		{"write from nowhere", with(write, func(e *abi.NetRingEntry) { e.Data = 1 << 60 }), BreachAccess, "Invalid guest access: gpa=0x1000000000000000, sz=60"},
		{"write from the ring", with(write, func(e *abi.NetRingEntry) { e.Data = ringAt }), BreachAccess, "Invalid guest access"},
		{"write across the end", with(write, func(e *abi.NetRingEntry) { e.Data = testMem - 60 }), BreachAccess, "Invalid guest access"},
		{"write of 4 GiB", with(write, func(e *abi.NetRingEntry) { e.Len = 1<<32 - 1 }), BreachAccess, "Invalid guest access"},
		{"write of more than a frame", with(write, func(e *abi.NetRingEntry) { e.Len = 65536 }), 0, ""},
		{"read into the ring", with(read, func(e *abi.NetRingEntry) { e.Data = ringAt + 128 }), BreachAccess, "Invalid guest access"},
		{"read into text", with(read, func(e *abi.NetRingEntry) { e.Data = textAt }), BreachAccess, "is read-only"},
		{"read into boot info", with(read, func(e *abi.NetRingEntry) { e.Data = abi.HVTBootInfo }), BreachAccess, "is read-only"},
		{"read of no device", with(read, func(e *abi.NetRingEntry) { e.Handle = 1<<32 - 1; e.Data = 1 << 60 }), 0, ""},
		{"write to no device", with(write, func(e *abi.NetRingEntry) { e.Handle = 63; e.Data = 1 << 60 }), 0, ""},
		{"write to the entry of no device", with(write, func(e *abi.NetRingEntry) { e.Handle = 0 }), 0, ""},
		{"no operation", with(write, func(e *abi.NetRingEntry) { e.Operation = 0; e.Data = 1 << 60 }), 0, ""},
		{"unknown operation", with(write, func(e *abi.NetRingEntry) { e.Operation = 3 }), 0, ""},
		{"too many entries", func(g *testGuest) { g.store(ringAt, abi.NetRingSlots+1).out(abi.NetRingPort, 0) }, BreachRing, "Invalid guest ring: 1025 entries in 1024 slots"},
		{"a tail that goes back", func(g *testGuest) { g.store(ringAt, 1<<32-1).out(abi.NetRingPort, 0) }, BreachRing, "Invalid guest ring: 4294967295 entries"},
		{"no room for a commit", func(g *testGuest) { g.store(ringAt+4, 1); g.submit(g.put(read)) }, BreachRing, "Invalid guest ring: no room for a commit"},
		{"the tender's indices", func(g *testGuest) {
			for at := uint32(64); at < 76; at += 4 {
				g.store(ringAt+at, 0x55555555)
			}
			for range 3 {
				g.submit(g.put(write))
			}
			g.out(abi.NetRingPort, 0)
		}, 0, ""},
		{"kicks for nothing", func(g *testGuest) {
			for i := range 100 {
				g.out(abi.NetRingPort, uint32(i))
			}
		}, 0, ""},
		{"a kick of one byte", func(g *testGuest) { g.op(0x66, 0xba, 0, 6, 0xee) }, BreachPort, "Invalid guest port access: OUT, port=0x600, width=1"},
		{"a kick by IN", func(g *testGuest) { g.op(0x66, 0xba, 0, 6, 0xed) }, BreachPort, "Invalid guest port access: IN, port=0x600"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBothModes(t, func(t *testing.T, mode Start) {
				g := ringGuest()
				c.guest(g)
				if c.fragment == "" {
					g.served().halt(0)
				} else {
					g.op(0xeb, 0xfe) // jmp .
				}
				vm, _ := startRing(t, g, Config{Start: mode})
				if c.fragment == "" {
					mustHalt(t, vm, 0)
				} else {
					mustBreach(t, vm, c.breach, c.fragment)
				}
			})
		})
	}
}

// The last entries of a guest that halts are no way around the checks.
func TestRingHostileAtHalt(t *testing.T) {
	g := ringGuest()
	g.submit(g.put(abi.NetRingEntry{Operation: abi.NetRingWrite, Handle: 1, Data: 1 << 60, Len: 60})).halt(0)
	vm, _ := startRing(t, g, Config{})
	mustBreach(t, vm, BreachAccess, "Invalid guest access")
}

// Without the ring its port is like any other.
func TestRingNotOffered(t *testing.T) {
	for _, manifest := range []image.Manifest{nil, oneNet} {
		g := &testGuest{manifest: manifest}
		g.out(abi.NetRingPort, 0).halt(0)
		dev, _ := pipe(t)
		c := Config{}
		if manifest != nil {
			c.Net = map[string]netback.Device{"net0": dev}
		}
		mustBreach(t, start(t, g, c), BreachPort, "Invalid guest port access: OUT, port=0x600, width=4")
	}
}
