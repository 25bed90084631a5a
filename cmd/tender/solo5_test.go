package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// underName is the built command, started by a link of another name.
func underName(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := tenderBinary()
	check(t, err)
	link := filepath.Join(t.TempDir(), name)
	check(t, os.Symlink(path, link))
	return exec.Command(link, args...)
}

// What Solo5's tenders write to stderr about themselves.
func TestSolo5Texts(t *testing.T) {
	for _, name := range []string{"solo5-hvt", "solo5-spt"} {
		for _, args := range [][]string{{"--version"}, {"--bogus", "--version", "--help"}} {
			got := finish(t, underName(t, name, args...))
			lines := strings.Split(got.err, "\n")
			if got.status != 0 || got.out != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], name+" tender, version ") || lines[1] != "ABI version 2" {
				t.Errorf("%s %q: %+v", name, args, got)
			}
		}
		for _, args := range [][]string{{"--help"}, {"--help", "--version"}, {"--mem=1", "--help", "kernel"}} {
			got := finish(t, underName(t, name, args...))
			if got.status != 1 || got.out != "" || !strings.HasPrefix(got.err, "usage: "+name+" ") {
				t.Errorf("%s %q: %+v", name, args, got)
			}
			for _, o := range solo5Options {
				if shown := strings.Contains(got.err, o.form); shown != (o.only == 0 || name == "solo5-spt") {
					t.Errorf("%s --help shows %s: %v", name, o.form, shown)
				}
			}
		}
	}
}

func TestSolo5Messages(t *testing.T) {
	newNetwork(t)
	addTAP(t, "tap0", 1500)
	dir := openDir(t)
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, data, 0o644))
		return path
	}
	good := hello().bytes(t)
	note := findNotes(t, good)
	hvt := file("good.hvt", good)
	net := file("net.hvt", withDevices(netDevice("n")).bytes(t))
	disk := file("disk.hvt", withDevices(blockDevice("d")).bytes(t))
	nets := file("nets.hvt", withDevices(netDevice("n"), netDevice("m")).bytes(t))
	both := file("both.hvt", withDevices(netDevice("n"), blockDevice("d")).bytes(t))
	spt := new(process).call(unix.SYS_EXIT_GROUP, 0).file(t)
	half, ok := file("half", make([]byte, 700)), file("ok", make([]byte, 1<<20))
	none := filepath.Join(dir, "none")

	invalid := func(word string) string { return "solo5-hvt: Invalid option: " + word + "\nusage: " }
	for _, c := range []struct {
		words string
		says  []string
		usage bool
	}{
		{"", []string{"solo5-hvt: Missing KERNEL operand\n"}, true},
		{"--mem=1", []string{"Missing KERNEL operand\n"}, true},
		{"--", []string{"Missing KERNEL operand\n"}, true},
		{none, []string{"Could not open " + none}, false},
		{"--bogus " + none, []string{"Could not open " + none}, false},
		{"--bogus " + hvt, []string{invalid("--bogus")}, true},
		{"- " + hvt, []string{invalid("-")}, true},
		{"-h " + hvt, []string{invalid("-h")}, true},
		{"--net=tap0 " + net, []string{invalid("--net=tap0")}, true},
		{"--start=user " + hvt, []string{invalid("--start=user")}, true},
		{"--no-confine " + hvt, []string{invalid("--no-confine")}, true},
		{"--x-exec-heap " + hvt, []string{invalid("--x-exec-heap")}, true},
		{"--mem=0 " + hvt, []string{"Malformed argument to --mem"}, false},
		{"--mem= " + hvt, []string{"Malformed argument to --mem"}, false},
		{"--mem=x " + hvt, []string{"Malformed argument to --mem"}, false},
		{"--mem=-1 " + hvt, []string{"Malformed argument to --mem"}, false},
		{"--mem " + hvt, []string{invalid("--mem")}, true},
		{"--mem=99999999999999999999 " + hvt, []string{"too large"}, false},
		{"--mem=4098 " + hvt, []string{"too large"}, false},
		{"--net:x=tap0 " + net, []string{"solo5-hvt: Resource not declared in manifest: 'x'\n", invalid("--net:x=tap0")}, true},
		{"--block:n=" + ok + " " + net, []string{"Resource not declared in manifest: 'n'\n"}, true},
		{"--net:a-b=tap0 " + net, []string{invalid("--net:a-b=tap0")}, true},
		{"--net:=tap0 " + net, []string{invalid("--net:=tap0")}, true},
		{"--net:n= " + net, []string{invalid("--net:n=")}, true},
		{"--net:n=none0 " + net, []string{"solo5-hvt: Could not attach interface: none0: ", invalid("--net:n=none0")}, true},
		{"--net:n=@77 " + net, []string{"Could not attach interface: @77: ", invalid("--net:n=@77")}, true},
		{"--net-mac:n=1:2 --net:n=tap0 " + net, []string{invalid("--net-mac:n=1:2")}, true},
		{"--net-mac:n=02:00:00:00:00:01 " + net, []string{"Device 'n' of type NET_BASIC declared but not attached.\n"}, false},
		{net, []string{"solo5-hvt: Device 'n' of type NET_BASIC declared but not attached.\n", "solo5-hvt: All declared devices must be attached. See --help for syntax.\n"}, false},
		{both, []string{"Device 'n' of type NET_BASIC declared", "Device 'd' of type BLOCK_BASIC declared", "All declared devices"}, false},
		{"--net:n=tap0 --net:m=tap0 " + nets, []string{"tap0 is given for the network devices \"n\" and \"m\""}, false},
		{"--block:d=" + none + " " + disk, []string{"d: No such file"}, false},
		{"--block:d=" + half + " " + disk, []string{"d: Backing storage size must be block aligned (512 bytes)"}, false},
		{"--block:d=" + file("empty", nil) + " " + disk, []string{"d: Backing storage must be at least 1 block"}, false},
		{"--block-sector-size:d=521 --block:d=" + ok + " " + disk, []string{"Block size must be a multiple of 2 greater than or equal 512\n", invalid("--block-sector-size:d=521")}, true},
		{"--block-sector-size:d=256 --block:d=" + ok + " " + disk, []string{"Block size must be a multiple of 2"}, true},
		{spt, []string{"Executable is not for the solo5-hvt target"}, false},
		{file("abi", patch(good, note.abi+4, 3)), []string{"Executable requests unsupported ABI version 3"}, false},
		{file("mft", patch(good, note.manifest, 9)), []string{"Solo5 manifest is invalid"}, false},
		{file("nomft", patch(good, note.manifestType, 0)), []string{"No Solo5 manifest found"}, false},
		{file("wx", patch(good, segmentFlags.of(4), 7)), []string{"requests WRITE and EXEC permissions"}, false},
		{file("text", bytes.Repeat([]byte("text "), 50)), []string{"invalid executable"}, false},
		{ok, []string{"invalid executable"}, false},
	} {
		got := finish(t, underName(t, "solo5-hvt", strings.Fields(c.words)...))
		if got.status != 1 || got.out != "" || !strings.HasPrefix(got.err, "solo5-hvt: ") || strings.Contains(got.err, "usage: ") != c.usage {
			t.Errorf("%s: %+v", c.words, got)
		}
		for _, text := range c.says {
			if !strings.Contains(got.err, text) {
				t.Errorf("%s: %q does not say %q", c.words, got.err, text)
			}
		}
	}
	got := finish(t, underName(t, "solo5-spt", hvt))
	if got.status != 1 || !strings.Contains(got.err, "Executable is not for the solo5-spt target") {
		t.Errorf("an hvt image under solo5-spt: %+v", got)
	}
	if got := finish(t, underName(t, "solo5-hvt", "")); got.status != 1 || !strings.Contains(got.err, "Could not open") {
		t.Errorf("an empty word: %+v", got)
	}
}

// The tenders run guests, at CPL 0 whatever a note of ours says.
func TestSolo5HVT(t *testing.T) {
	needKVM(t)
	newNetwork(t)
	addTAP(t, "tap0", 1300)
	g := new(guest)
	args := g.print(g.cmdline(), 32).halt(3).file(t)
	disk := writeFile(t, "disk", make([]byte, 8192))
	devices := &guest{manifest: image.Manifest{netDevice("n"), blockDevice("d")}}
	size := len(devices.manifest.Binary())
	with := devices.print(abi.HVTBootInfo+56, size).halt(0).file(t)
	for _, c := range []struct {
		words  []string
		status int
		out    string
	}{
		{[]string{args, "a", "", "--b", "--help"}, 3, "a  --b --help"},
		{[]string{"--", args, "", ""}, 3, " "},
		{[]string{"--mem=2", args, "--"}, 3, "--"},
		{[]string{"--mem=7 and what else", "--mem=8x", args}, 3, ""},
	} {
		got := finish(t, underName(t, "solo5-hvt", c.words...))
		if got.status != c.status || strings.TrimRight(got.out, "\x00") != c.out || unexpected(got.err) != "" {
			t.Errorf("%q: %+v", c.words, got)
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	defer unix.Close(pair[1])
	inherited := os.NewFile(uintptr(pair[0]), "pair")
	defer inherited.Close()
	for _, c := range []struct {
		words  string
		mtu    uint16
		mac    byte
		sector uint16
	}{
		{"--net:n=tap0 --block:d=" + disk + " --net-mac:n=02:00:00:00:00:07", 1300, 7, 512},
		{"--net-mac:n=02:00:00:00:00:08 --block-sector-size:d=4096 --net:n=none --net:n=@3 --block:d=/none --block:d=" + disk, 1500, 8, 4096},
	} {
		cmd := underName(t, "solo5-hvt", append(strings.Fields(c.words), with)...)
		cmd.ExtraFiles = []*os.File{inherited}
		got := finish(t, cmd)
		if got.status != 0 || len(got.out) != size || unexpected(got.err) != "" {
			t.Fatalf("%s: %+v", c.words, got)
		}
		entry := func(handle int) []byte { return []byte(got.out)[8+104*handle:][72:88] }
		mtu, sector := binary.LittleEndian.Uint16(entry(1)[6:]), binary.LittleEndian.Uint16(entry(2)[8:])
		if mtu != c.mtu || entry(1)[5] != c.mac || sector != c.sector {
			t.Errorf("%s: MTU %d, MAC %x, sectors of %d bytes", c.words, mtu, entry(1)[:6], sector)
		}
	}
}

// unexpected is messages without the notices that a good run may have.
func unexpected(messages string) (rest string) {
	for line := range strings.Lines(messages) {
		if !strings.Contains(line, "emulates kernel-mode code") && !strings.Contains(line, "adjusting memory to ") {
			rest += line
		}
	}
	return rest
}

// A guest of ours sees in CS at which privilege it runs, and in the boot info
// which extensions are offered.
func TestStrict(t *testing.T) {
	needKVM(t)
	g := new(guest)
	at := uint64(g.put(make([]byte, 8)))
	g.text = append(g.text, 0x8c, 0xc8, 0xa3) // mov %cs, %eax; movabs %eax, at
	g.text = binary.LittleEndian.AppendUint64(g.text, at)
	path := g.print(at, 4).print(abi.HVTBootInfo+40, 4).halt(0).file(t)
	for _, c := range []struct {
		what string
		cmd  *exec.Cmd
		cpl  byte
	}{
		{"tender", tenderCommand(t, path), 3},
		{"tender --strict-solo5", tenderCommand(t, "--strict-solo5", path), 0},
		{"solo5-hvt", underName(t, "solo5-hvt", path), 0},
	} {
		got := finish(t, c.cmd)
		if got.status != 0 || len(got.out) != 8 {
			t.Fatalf("%s: %+v", c.what, got)
		}
		if cpl := got.out[0] & 3; cpl != c.cpl {
			t.Errorf("%s: CPL %d", c.what, cpl)
		}
		if features := got.out[4:]; c.cpl == 0 && features != "\x00\x00\x00\x00" {
			t.Errorf("%s: features %x", c.what, features)
		}
	}
	if got := finish(t, tenderCommand(t, "--strict-solo5", "--start=user", path)); got.status != 1 || !oneLine(got.err) {
		t.Errorf("strict in user mode: %+v", got)
	}
}

func TestSplitWords(t *testing.T) {
	for words, want := range map[string]string{
		"":               "[]  [] false",
		"k":              "[] k [] true",
		"k -- -x":        "[] k [-- -x] true",
		"--a -b k c":     "[--a -b] k [c] true",
		"--a -- --k -- ": "[--a] --k [-- ] true",
		"--a --":         "[--a]  [] false",
		"- k":            "[-] k [] true",
		"-- ":            "[]  [] true",
	} {
		var list []string
		if words != "" {
			list = strings.Split(words, " ")
		}
		options, kernel, args, found := splitWords(list)
		if got := strings.Join([]string{show(options), kernel, show(args)}, " ") + map[bool]string{true: " true", false: " false"}[found]; got != want {
			t.Errorf("%q: %s, want %s", words, got, want)
		}
	}
}

func show(words []string) string { return "[" + strings.Join(words, " ") + "]" }

// No word makes the parser fail to say something.
func FuzzSolo5Options(f *testing.F) {
	for _, seed := range []string{"--mem=5", "--net:n=@3", "--net-mac:n=02:00:00:00:00:01", "--block-sector-size:d=512", "--block:d=x", "--x-exec-heap", "--", "-", "--net:n", "--mem=99999999999999999999999"} {
		f.Add(seed)
	}
	manifest := image.Manifest{netDevice("n"), blockDevice("d")}
	f.Fuzz(func(t *testing.T, word string) {
		for _, tender := range []solo5Tender{hvtTender, sptTender} {
			o, err := tender.parse([]string{word}, manifest)
			if err != nil {
				if o != nil || strings.TrimSpace(err.Error()) == "" {
					t.Fatalf("%q: %+v, %v", word, o, err)
				}
				continue
			}
			for _, n := range o.sectorBytes {
				if n < 512 || n > 32768 || n&(n-1) != 0 {
					t.Fatalf("%q: sectors of %d bytes", word, n)
				}
			}
			if len(o.nets.byName)+len(o.blocks.byName)+len(o.macs)+len(o.sectorBytes) > 1 {
				t.Fatalf("%q: %+v", word, o)
			}
		}
	})
}
