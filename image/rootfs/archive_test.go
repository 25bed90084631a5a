package rootfs

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// unpack reads an archive as the format says: paths with what is there.
func unpack(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	var h abi.ArchiveHeader
	r := bytes.NewReader(archive)
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		t.Fatal(err)
	}
	if h.Magic != abi.ArchiveMagic || h.Version != abi.ArchiveVersion || h.Bytes != uint64(len(archive)) {
		t.Fatalf("header %+v, %d bytes", h, len(archive))
	}
	nodes := make([]abi.ArchiveNode, h.Nodes)
	if err := binary.Read(r, binary.LittleEndian, nodes); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var visit func(number uint64, path string)
	visit = func(number uint64, path string) {
		n := nodes[number]
		switch n.Mode &^ 0o7777 {
		case typeDir:
			all[path] = "dir"
			last := ""
			for i := n.Data; i < n.Data+n.Size; i++ {
				name := string(archive[nodes[i].Name:][:nodes[i].NameLen])
				if i <= number || name <= last {
					t.Fatalf("%s: child %d, %q, after %q", path, i, name, last)
				}
				last = name
				visit(i, path+"/"+name)
			}
		case typeRegular:
			all[path] = "file " + string(archive[n.Data:][:n.Size])
		case typeLink:
			all[path] = "link " + string(archive[n.Data:][:n.Size])
		default:
			t.Fatalf("%s: mode %o", path, n.Mode)
		}
	}
	visit(0, "")
	return all
}

func TestArchive(t *testing.T) {
	dir := t.TempDir()
	big := strings.Repeat("big file ", 10000)
	for name, text := range map[string]string{"etc/motd": "hello", "empty": "", "a/b/c/deep": big, "z": "last", "a/b.txt": "x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../nowhere", filepath.Join(dir, "a", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "hollow"), 0o700); err != nil {
		t.Fatal(err)
	}
	stamp := time.Unix(1_234_567_890, 0)
	if err := os.Chtimes(filepath.Join(dir, "z"), stamp, stamp); err != nil {
		t.Fatal(err)
	}
	archive, err := Archive(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"": "dir", "/a": "dir", "/a/b": "dir", "/a/b/c": "dir", "/etc": "dir", "/hollow": "dir",
		"/a/b/c/deep": "file " + big, "/a/b.txt": "file x", "/empty": "file ", "/etc/motd": "file hello", "/z": "file last",
		"/a/link": "link ../nowhere",
	}
	got := unpack(t, archive)
	for path := range want {
		if got[path] != want[path] {
			t.Errorf("%s: %.40q, want %.40q", path, got[path], want[path])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
	var n abi.ArchiveNode // z is the last child of the root
	at := binary.Size(abi.ArchiveHeader{}) + 5*binary.Size(n)
	if err := binary.Read(bytes.NewReader(archive[at:]), binary.LittleEndian, &n); err != nil {
		t.Fatal(err)
	}
	if n.MTime != stamp.Unix() || n.Mode != typeRegular|0o600 {
		t.Errorf("z: %+v", n)
	}
}

func TestArchiveRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Archive(os.DirFS(dir)); !errors.Is(err, ErrKind) || !strings.Contains(err.Error(), "pipe") {
		t.Errorf("a FIFO: %v", err)
	}
	if _, err := Archive(os.DirFS(filepath.Join(dir, "nothing"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := Archive(fstest.MapFS{strings.Repeat("n", 256): {Data: []byte("x")}}); err == nil {
		t.Error("a name of 256 bytes was packed")
	}
}

func TestEmbed(t *testing.T) {
	data := make([]byte, 64)
	binary.LittleEndian.PutUint64(data[16:], abi.ArchiveNone)
	spec := image.Spec{Segments: []image.SegmentData{
		{Vaddr: 0x101000, Memsz: 100, Flags: elf.PF_R | elf.PF_X, Data: make([]byte, 100)},
		{Vaddr: 0x102000, Memsz: 5000, Flags: elf.PF_R | elf.PF_W, Data: data},
	}}
	for _, bad := range []uint64{0, 0x101010, 0x102000, 0x102038, 0x103000, 1 << 63} {
		if err := Embed(&spec, bad, []byte("archive")); err == nil {
			t.Errorf("embedded with the variable at %#x", bad)
		}
	}
	if err := Embed(&spec, 0x102010, []byte("archive")); err != nil {
		t.Fatal(err)
	}
	if len(spec.Segments) != 3 || spec.Segments[2].Vaddr != 0x104000 || string(spec.Segments[2].Data) != "archive" {
		t.Errorf("segments %+v", spec.Segments[2:])
	}
	if a, n := binary.LittleEndian.Uint64(data[16:]), binary.LittleEndian.Uint64(data[24:]); a != 0x104000 || n != 7 {
		t.Errorf("the variable is %#x, %d", a, n)
	}
	if err := Embed(&spec, 0x102010, []byte("archive")); err == nil {
		t.Error("embedded twice")
	}
}
