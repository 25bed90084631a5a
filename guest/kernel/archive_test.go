package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"tender/abi"
)

// packed is an archive under construction.
type packed struct {
	nodes []abi.ArchiveNode
	names []string
	data  []string
}

// add appends a node; data of a directory is set by its caller.
func (p *packed) add(mode uint32, name, data string) *abi.ArchiveNode {
	p.nodes = append(p.nodes, abi.ArchiveNode{Mode: mode, MTime: 1_500_000_000})
	p.names, p.data = append(p.names, name), append(p.data, data)
	return &p.nodes[len(p.nodes)-1]
}

func (p *packed) bytes() []byte {
	head := abi.ArchiveHeader{Magic: abi.ArchiveMagic, Version: abi.ArchiveVersion, Nodes: uint32(len(p.nodes))}
	offset := uint64(binary.Size(head) + len(p.nodes)*binary.Size(abi.ArchiveNode{}))
	var tail bytes.Buffer
	for i := range p.nodes {
		n := &p.nodes[i]
		n.Name, n.NameLen = offset+uint64(tail.Len()), uint32(len(p.names[i]))
		tail.WriteString(p.names[i])
		if n.Mode&modeType != modeDir {
			n.Data, n.Size = offset+uint64(tail.Len()), uint64(len(p.data[i]))
			tail.WriteString(p.data[i])
		}
	}
	head.Bytes = offset + uint64(tail.Len())
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, head)
	binary.Write(&out, binary.LittleEndian, p.nodes)
	out.Write(tail.Bytes())
	return out.Bytes()
}

// sample is an archive with a bit of everything.
func sample(text string) []byte {
	var p packed
	dir := p.add(modeDir|0o750, "", "")
	dir.Data, dir.Size = 1, 5
	p.add(modeDir|0o755, "bin", "")
	p.add(modeRegular|0o644, "data", text)
	p.add(modeRegular|0o600, "empty", "")
	p.add(modeDir|0o755, "etc", "")
	p.add(modeLink|0o777, "link", "etc/motd")
	p.nodes[4].Data, p.nodes[4].Size = 6, 1
	p.add(modeRegular|0o444, "motd", "hello")
	return p.bytes()
}

// mapArchive puts an archive where the byte after it cannot be read, and makes
// it the kernel's.
func mapArchive(t testing.TB, data []byte) {
	t.Helper()
	size := (len(data) + pageSize - 1) &^ (pageSize - 1)
	mem, err := syscall.Mmap(-1, 0, size+pageSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mprotect(mem[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	where := mem[size-len(data) : size]
	copy(where, data)
	archive = [2]uint64{uint64(addrOf(&mem[0])) + uint64(size-len(data)), uint64(len(data))}
	t.Cleanup(func() {
		archive = [2]uint64{abi.ArchiveNone, 0}
		syscall.Munmap(mem)
	})
}

func TestArchive(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 1000)
	mapArchive(t, sample(text))
	c := newCaller(t)
	if s, _ := c.stat("/", 0); s != "mode 40750 links 0 size 0" {
		t.Errorf("root: %s", s)
	}
	names, r := c.list("/")
	want := map[string]uint8{".": 4, "..": 4, "bin": 4, "data": 8, "empty": 8, "etc": 4, "link": 10, "dev": 4, "proc": 4, "tmp": 4, "base": 4}
	if r != 0 || fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("root: %v, %d", names, r)
	}
	fd := c.must(t, c.open("/link", openReadWrite, 0))
	if s, _ := c.pread(fd, 100, 0); s != "hello" {
		t.Errorf("motd: %q", s)
	}
	if at[node](fileAt(uintptr(fd)).object).modified.sec != 1_500_000_000 {
		t.Error("the time of modification is lost")
	}

	// What is written goes to memory, page by page; the archive stays.
	fd = c.must(t, c.open("/data", openReadWrite, 0))
	before := append([]byte(nil), bytesAt(uintptr(archive[0]), uintptr(archive[1]))...)
	n := at[node](fileAt(uintptr(fd)).object)
	if s, r := c.pread(fd, 1<<15, 0); s != text || n.pages != 0 {
		t.Errorf("data: %d bytes, %d pages", r, n.pages)
	}
	model := []byte(text)
	copy(model[5000:], "changed")
	c.pwrite(fd, "changed", 5000)
	if s, _ := c.pread(fd, 1<<15, 0); s != string(model) || n.pages != 1 {
		t.Errorf("data after a write: %.20q…, %d pages", s[4990:], n.pages)
	}
	c.must(t, c.truncate(fd, 9000))
	c.must(t, c.truncate(fd, 12000))
	model = append(model[:9000], make([]byte, 3000)...)
	if s, _ := c.pread(fd, 1<<15, 0); s != string(model) {
		t.Errorf("data after it was cut and made longer: %d bytes", len(s))
	}
	if !bytes.Equal(before, bytesAt(uintptr(archive[0]), uintptr(archive[1]))) {
		t.Error("the archive has changed")
	}

	c.must(t, c.unlink("/empty", 0))
	c.must(t, c.rename("/etc", "/bin/other", 0))
	if _, r := c.stat("/empty", 0); r != eNOENT {
		t.Errorf("a removed file: %d", r)
	}
	if _, r := c.stat("/link", 0); r != eNOENT {
		t.Errorf("a link to what was moved: %d", r)
	}
	if s, r := c.stat("/bin/other/motd", 0); s != "mode 100444 links 1 size 5" {
		t.Errorf("a moved file: %s, %d", s, r)
	}
	c.must(t, c.open("/etc", openCreate|openWriteOnly, 0o600))
}

// A damaged archive is an error, and no more than that.
func TestDamagedArchive(t *testing.T) {
	good := sample("text")
	for what, change := range map[string]func(b []byte){
		"magic":            func(b []byte) { b[0]++ },
		"version":          func(b []byte) { b[8]++ },
		"no nodes":         func(b []byte) { clear(b[12:16]) },
		"too many nodes":   func(b []byte) { b[15] = 1 },
		"size":             func(b []byte) { b[16]++ },
		"children at self": func(b []byte) { clear(b[32+24 : 32+32]) },
		"children beyond":  func(b []byte) { b[32+24] = 3 },
		"many children":    func(b []byte) { b[32+39] = 0xff },
		"name length":      func(b []byte) { clear(b[72+4 : 72+8]) },
		"name beyond":      func(b []byte) { b[72+15] = 0x80 },
		"kind":             func(b []byte) { b[112+1] = 0x20 },
		"contents beyond":  func(b []byte) { b[112+24+6] = 1 },
	} {
		bad := append([]byte(nil), good...)
		change(bad)
		t.Run(what, func(t *testing.T) {
			mapArchive(t, bad)
			startFiles(t)
			c := &caller{mem: mapRegion(t, callerMem), base: atCWD}
			if _, r := c.stat("/data", 0); r != eIO {
				t.Errorf("stat: %d", r)
			}
			if r := c.mkdir("/new", 0o700); r != eIO {
				t.Errorf("mkdir: %d", r)
			}
		})
	}
}

func FuzzArchive(f *testing.F) {
	good := sample("text")
	f.Add(good)
	f.Add(good[:72])
	f.Add([]byte{})
	for i := 0; i < len(good); i += 13 {
		b := append([]byte(nil), good...)
		b[i] ^= 0xff
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		mapArchive(t, data)
		startFiles(t)
		c := &caller{mem: mapRegion(t, callerMem), base: atCWD}
		steps := 0
		var visit func(p string)
		visit = func(p string) {
			names, r := c.list(p)
			if r < 0 && r != eIO && r != eNAMETOOLONG && r != eNOSPC && r != eLOOP {
				t.Fatalf("list %q: %d", p, r)
			}
			for name, kind := range names {
				if steps++; steps > 300 || name == "." || name == ".." || len(p) > 3000 {
					continue
				}
				switch q := p + "/" + name; kind {
				case modeDir >> 12:
					visit(q)
				case modeLink >> 12:
					if _, r := c.readlink(q); r <= 0 {
						t.Fatalf("readlink %q: %d", q, r)
					}
					c.stat(q, 0)
				case modeRegular >> 12:
					fd := c.open(q, openReadWrite, 0)
					if fd < 0 {
						t.Fatalf("open %q: %d", q, fd)
					}
					c.pread(fd, 1<<15, 0)
					c.pwrite(fd, "x", 1)
					c.close(fd)
				}
			}
		}
		visit("/")
	})
}
