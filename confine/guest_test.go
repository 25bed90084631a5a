package confine

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/blockback"
	"tender/hvt"
	"tender/image"
	"tender/machine"
	"tender/netback"
)

// Where a test guest has its parts.
const (
	guestText = abi.MinLoadAddr
	guestData = guestText + abi.PageSize
	guestMem  = 4 << 20
)

// guest is a unikernel in machine code, without an instruction that an
// emulated CPU lacks.
type guest struct {
	text, data []byte
	// ticks says that it gives way at its first instruction, see abi.Events,
	// which is its data.
	ticks bool
}

// out writes value to a port: that is a hypercall, the kick of a ring, or the
// guest's end.
func (g *guest) out(port uint16, value uint32) *guest {
	g.text = binary.LittleEndian.AppendUint32(append(g.text, 0xb8), value)      // mov $value, %eax
	g.text = binary.LittleEndian.AppendUint16(append(g.text, 0x66, 0xba), port) // mov $port, %dx
	g.text = append(g.text, 0xef)                                               // out %eax, %dx
	return g
}

func (g *guest) call(number uint16, args any) *guest {
	for len(g.data)%8 != 0 {
		g.data = append(g.data, 0)
	}
	at := guestData + len(g.data)
	var err error
	if g.data, err = binary.Append(g.data, binary.LittleEndian, args); err != nil {
		panic(err)
	}
	return g.out(abi.HypercallPort+number, uint32(at))
}

// image is the guest with a network device, 1, and a block device, 2.
func (g *guest) image() (*image.Image, error) {
	var file bytes.Buffer
	text := append(append([]byte{}, g.text...), 0xeb, 0xfe) // jmp .
	data := append(g.data, 0)
	var note *abi.TenderNote
	if g.ticks {
		note = &abi.TenderNote{Version: abi.TenderNoteVersion, Flags: abi.FlagEvents, Events: guestData}
	}
	err := image.Write(&file, image.Spec{
		Tender: note,
		Target: abi.TargetHVT, Version: abi.VersionHVT, Entry: guestText,
		Manifest: image.Manifest{{Name: "n", Type: abi.DeviceNet}, {Name: "b", Type: abi.DeviceBlock}},
		Segments: []image.SegmentData{
			{Vaddr: guestText, Memsz: uint64(len(text)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_X, Data: text},
			{Vaddr: guestData, Memsz: uint64(len(data)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_W, Data: data},
		},
	})
	if err != nil {
		return nil, err
	}
	return image.Read(bytes.NewReader(file.Bytes()), "guest")
}

// guests do what guests can have a tender do.
func guests() []*guest {
	const buffer = guestMem / 2
	good := new(guest).
		call(abi.HypercallPuts, abi.PutsArgs{Data: guestText, Len: 8}).
		call(abi.HypercallPuts, abi.PutsArgs{Data: guestText, Len: 8}).
		call(abi.HypercallWalltime, abi.WalltimeArgs{}).
		call(abi.HypercallNetWrite, abi.NetArgs{Handle: 1, Data: buffer, Len: 60}).
		call(abi.HypercallNetRead, abi.NetArgs{Handle: 1, Data: buffer, Len: 1514}).
		call(abi.HypercallBlockWrite, abi.BlockArgs{Handle: 2, Data: buffer, Len: 512}).
		call(abi.HypercallBlockRead, abi.BlockArgs{Handle: 2, Data: buffer, Len: 512}).
		out(abi.NetRingPort, 0).
		call(abi.HypercallPoll, abi.PollArgs{TimeoutNanos: 50e6}).
		out(abi.NetRingPort, 0).
		call(abi.HypercallHalt, abi.HaltArgs{Status: 7})
	bad := new(guest).out(0x80, 0)
	endless := new(guest).call(abi.HypercallPoll, abi.PollArgs{TimeoutNanos: 3600e9})
	ticks := &guest{ticks: true}
	ticks.data = binary.LittleEndian.AppendUint64(nil, guestText)
	ticks.data = append(ticks.data, make([]byte, 64)...)
	return []*guest{good, bad, endless, ticks}
}

// report is what a child tells of itself.
type report struct {
	Self   surroundings
	Config Config
}

// guest runs guests under confinement, and has the runtime work hard.
func (a act) guest() {
	fail := func(what string, err error) {
		if err != nil {
			fmt.Println(what, err)
			os.Exit(2)
		}
	}
	net, err := netback.FromFD(framesFD, netback.Options{})
	fail("net", err)
	block, err := blockback.OpenFile(a.Disk, blockback.Options{})
	fail("block", err)
	var machines []*hvt.VM
	for _, g := range guests() {
		im, err := g.image()
		fail("image", err)
		vm, err := hvt.New(hvt.Config{Config: machine.Config{
			Image: im, MemBytes: guestMem, Console: os.Stdout,
			Net: map[string]netback.Device{"n": net}, Block: map[string]blockback.Device{"b": block},
		}})
		fail("hvt", err)
		machines = append(machines, vm)
	}
	c := Config{Output: []int{1, 2}, Frames: []int{net.FD()}, Disks: []int{block.FD()}}
	self, err := c.examine()
	fail("descriptors", err)
	text, err := json.Marshal(report{self, c})
	fail("report", err)
	fmt.Println(string(text))
	fail("confine", Apply(c))

	for i, vm := range machines {
		ctx, cancel := context.WithTimeout(context.Background(), guestTime)
		exit, err := vm.Run(ctx)
		cancel()
		if good := i == 0; good != (err == nil) || good && exit.Status != 7 {
			fmt.Println("guest", i, exit, err)
			os.Exit(3)
		}
		fail("close", vm.Close())
	}
	fail("close", net.Close())
	fail("close", block.Close())
	useThreads()
	// A thread in a timed wait while the process is stopped; the parent
	// continues it.
	go unix.Nanosleep(&unix.Timespec{Nsec: 600e6}, nil)
	time.Sleep(50 * time.Millisecond)
	fmt.Println("stop")
	unix.Tgkill(unix.Getpid(), unix.Gettid(), syscall.SIGSTOP)
	time.Sleep(700 * time.Millisecond)
	// A signal nobody handles, as if from outside.
	unix.Tgkill(unix.Getpid(), unix.Gettid(), syscall.SIGTERM)
	time.Sleep(time.Minute)
}
