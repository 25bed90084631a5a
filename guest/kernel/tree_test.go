package kernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

// caller makes system calls on the kernel's tree, or on Linux's.
type caller struct {
	base    uintptr // descriptor that relative paths begin at
	mem     uintptr // of the program: paths and buffers
	onLinux bool
}

const callerMem = 1 << 20

// newCaller is for an empty directory of the kernel's tree.
func newCaller(t testing.TB) *caller {
	t.Helper()
	hostClock()
	start := mapRegion(t, 64<<20)
	pages = pageMap{}
	pages.init(start, start+64<<20)
	firstThread = thread{}
	runHead, runTail, resched = 0, 0, false
	threadInit()
	resetFiles()
	t.Cleanup(resetFiles)
	c := &caller{mem: mapRegion(t, callerMem)}
	c.must(t, c.mkdir("/base", 0o755))
	c.base = uintptr(c.must(t, c.open("/base", 0, 0)))
	return c
}

// linuxCaller is for an empty directory of the host.
func linuxCaller(t testing.TB) *caller {
	t.Helper()
	c := &caller{mem: mapRegion(t, callerMem), onLinux: true}
	syscall.Umask(0o022)
	c.base = uintptr(c.must(t, c.open(t.TempDir(), 0, 0)))
	t.Cleanup(func() { syscall.Close(int(c.base)) })
	return c
}

func (c *caller) must(t testing.TB, r int64) int64 {
	t.Helper()
	if r < 0 {
		t.Fatalf("result %d", r)
	}
	return r
}

// call makes one call.
func (c *caller) call(nr uintptr, args ...uintptr) int64 {
	var a [6]uintptr
	copy(a[:], args)
	if c.onLinux {
		r, _, e := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if e != 0 {
			return -int64(e)
		}
		return int64(r)
	}
	return int64(call(uint64(nr), a[:]...).ax)
}

// path puts a string into the n-th place for them.
func (c *caller) path(n int, s string) uintptr {
	a := c.mem + uintptr(n)*8192
	b := bytesAt(a, uintptr(len(s))+1)
	b[copy(b, s)] = 0
	return a
}

// data is where buffers of the program are.
func (c *caller) data() uintptr { return c.mem + 4*8192 }

func (c *caller) open(p string, flags, mode uintptr) int64 {
	return c.call(syscall.SYS_OPENAT, c.base, c.path(0, p), flags|openCloexec, mode)
}
func (c *caller) close(fd int64) int64 { return c.call(syscall.SYS_CLOSE, uintptr(fd)) }
func (c *caller) mkdir(p string, mode uintptr) int64 {
	return c.call(syscall.SYS_MKDIRAT, c.base, c.path(0, p), mode)
}
func (c *caller) unlink(p string, flags uintptr) int64 {
	return c.call(syscall.SYS_UNLINKAT, c.base, c.path(0, p), flags)
}
func (c *caller) rename(from, to string, flags uintptr) int64 {
	return c.call(syscall.SYS_RENAMEAT+52, c.base, c.path(0, from), c.base, c.path(1, to), flags) // renameat2
}
func (c *caller) link(from, to string, flags uintptr) int64 {
	return c.call(syscall.SYS_LINKAT, c.base, c.path(0, from), c.base, c.path(1, to), flags)
}
func (c *caller) symlink(target, p string) int64 {
	return c.call(syscall.SYS_SYMLINKAT, c.path(0, target), c.base, c.path(1, p))
}
func (c *caller) readlink(p string) (string, int64) {
	r := c.call(syscall.SYS_READLINKAT, c.base, c.path(0, p), c.data(), 4096)
	if r < 0 {
		return "", r
	}
	return string(bytesAt(c.data(), uintptr(r))), r
}
func (c *caller) chmod(p string, mode uintptr) int64 {
	return c.call(syscall.SYS_FCHMODAT, c.base, c.path(0, p), mode)
}
func (c *caller) access(p string, mode uintptr) int64 {
	return c.call(syscall.SYS_FACCESSAT, c.base, c.path(0, p), mode)
}
func (c *caller) truncate(fd, size int64) int64 {
	return c.call(syscall.SYS_FTRUNCATE, uintptr(fd), uintptr(size))
}
func (c *caller) write(fd int64, data string) int64 {
	copy(bytesAt(c.data(), uintptr(len(data))), data)
	return c.call(syscall.SYS_WRITE, uintptr(fd), c.data(), uintptr(len(data)))
}
func (c *caller) pwrite(fd int64, data string, off int64) int64 {
	copy(bytesAt(c.data(), uintptr(len(data))), data)
	return c.call(syscall.SYS_PWRITE64, uintptr(fd), c.data(), uintptr(len(data)), uintptr(off))
}
func (c *caller) pread(fd int64, n uintptr, off int64) (string, int64) {
	r := c.call(syscall.SYS_PREAD64, uintptr(fd), c.data(), n, uintptr(off))
	return string(bytesAt(c.data(), uintptr(max(r, 0)))), r
}

// stat tells what does not depend on the system.
func (c *caller) stat(p string, flags uintptr) (string, int64) {
	r := c.call(syscall.SYS_NEWFSTATAT, c.base, c.path(0, p), c.data(), flags)
	if r < 0 {
		return "", r
	}
	s := *at[stat](c.data())
	if s.mode&modeType == modeDir {
		s.size, s.nlink = 0, 0 // differ between file systems
	}
	return fmt.Sprintf("mode %o links %d size %d", s.mode, s.nlink, s.size), r
}

// set gives a file an owner and times, and tells what it has then.
func (c *caller) set(p string, flags, id, sec, nsec uintptr) string {
	r := c.call(syscall.SYS_FCHOWNAT, c.base, c.path(0, p), id, id+1, flags)
	times := at[[2]timespec](c.data())
	*times = [2]timespec{{int64(sec), timeOmit}, {int64(sec), int64(nsec)}}
	e := c.call(syscall.SYS_UTIMENSAT, c.base, c.path(0, p), c.data(), flags)
	if c.call(syscall.SYS_NEWFSTATAT, c.base, c.path(0, p), c.data(), flags) < 0 {
		return fmt.Sprint(r, e)
	}
	s := *at[stat](c.data())
	if e != 0 {
		return fmt.Sprint(r, e, s.uid, s.gid)
	}
	return fmt.Sprint(r, e, s.uid, s.gid, s.modified)
}

// list is the names and types in a directory.
func (c *caller) list(p string) (map[string]uint8, int64) {
	fd := c.open(p, openDirectory, 0)
	if fd < 0 {
		return nil, fd
	}
	defer c.close(fd)
	all := map[string]uint8{}
	for {
		n := c.call(syscall.SYS_GETDENTS64, uintptr(fd), c.data(), 1000)
		if n <= 0 {
			return all, n
		}
		for a := c.data(); a < c.data()+uintptr(n); a += uintptr(at[dirent](a).len) {
			all[string(cstring(a+direntName, 256))] = at[dirent](a).kind
		}
	}
}

// randomPath is made of few names, so that paths meet.
func randomPath(rnd *rand.Rand) string {
	var b strings.Builder
	for i := range 1 + rnd.IntN(4) {
		if i > 0 {
			b.WriteString(strings.Repeat("/", 1+rnd.IntN(20)/19))
		}
		switch rnd.IntN(12) {
		case 0:
			b.WriteString(".")
		case 1:
			b.WriteString("x/..") // x is never replaced, so this stays below the base
		case 2:
			b.WriteString(strings.Repeat("long", 15))
		default:
			b.WriteByte(byte('a' + rnd.IntN(5)))
		}
	}
	if rnd.IntN(10) == 0 {
		b.WriteString("/")
	}
	return b.String()
}

// step makes one random call and tells the result. Open files are kept in fds.
func (c *caller) step(rnd *rand.Rand, fds map[int]int64) string {
	p, q := randomPath(rnd), randomPath(rnd)
	slot := rnd.IntN(6)
	fd, open := fds[slot]
	off, size := int64(rnd.IntN(1<<rnd.IntN(22))), int64(rnd.IntN(1<<rnd.IntN(15)))
	flags := uintptr(rnd.IntN(3))
	for _, f := range []uintptr{openCreate, openCreate, openExclusive, openTruncate, openAppend, openDirectory, openNofollow} {
		if rnd.IntN(4) == 0 {
			flags |= f
		}
	}
	mode := uintptr(rnd.IntN(0o1000))
	text := strings.Repeat(string(rune('A'+rnd.IntN(26))), int(size))
	switch op := rnd.IntN(21); op {
	case 20:
		f, sec, nsec := uintptr(rnd.IntN(2)*flagNofollow), uintptr(rnd.IntN(1<<31)), uintptr(rnd.IntN(second+100))
		return fmt.Sprintf("set %s %#x: %s", p, f, c.set(p, f, uintptr(rnd.IntN(100)), sec, nsec))
	case 0, 1, 2:
		if open {
			c.close(fd)
		}
		delete(fds, slot)
		if flags&(openCreate|openDirectory) == openCreate|openDirectory {
			flags &^= openDirectory // differs between releases of Linux
		}
		r := c.open(p, flags, mode)
		if r >= 0 {
			fds[slot], r = r, 0
		}
		return fmt.Sprintf("open %s %#x %o: %d", p, flags, mode, r)
	case 3, 4:
		return fmt.Sprintf("mkdir %s: %d", p, c.mkdir(p, mode))
	case 5, 6:
		f := uintptr(rnd.IntN(2) * flagRemoveDir)
		return fmt.Sprintf("unlink %s %#x: %d", p, f, c.unlink(p, f))
	case 7, 8:
		f := uintptr(rnd.IntN(5) / 4)
		return fmt.Sprintf("rename %s %s %d: %d", p, q, f, c.rename(p, q, f))
	case 9:
		f := uintptr(rnd.IntN(2) * flagFollow)
		return fmt.Sprintf("link %s %s %#x: %d", p, q, f, c.link(p, q, f))
	case 10:
		return fmt.Sprintf("symlink %s %s: %d", p, q, c.symlink(p, q))
	case 11:
		s, r := c.readlink(p)
		return fmt.Sprintf("readlink %s: %q %d", p, s, r)
	case 12:
		return fmt.Sprintf("chmod %s %o: %d, access %d", p, mode, c.chmod(p, mode), c.access(p, uintptr(rnd.IntN(8))))
	case 13:
		f := uintptr(rnd.IntN(2) * flagNofollow)
		s, r := c.stat(p, f)
		return fmt.Sprintf("stat %s %#x: %q %d", p, f, s, r)
	case 14:
		s, r := c.list(p)
		return fmt.Sprintf("list %s: %v %d", p, s, r)
	}
	if !open {
		return "closed"
	}
	switch op := rnd.IntN(6); op {
	case 0:
		return fmt.Sprintf("write %d: %d", size, c.write(fd, text))
	case 1:
		return fmt.Sprintf("pwrite %d at %d: %d", size, off, c.pwrite(fd, text, off))
	case 2:
		return fmt.Sprintf("truncate %d: %d", off, c.truncate(fd, off))
	case 3:
		whence := uintptr(rnd.IntN(3))
		r := c.call(syscall.SYS_LSEEK, uintptr(fd), uintptr(off-1000), whence)
		if whence == 2 && c.isDir(fd) {
			r = c.call(syscall.SYS_LSEEK, uintptr(fd), 0, 0)
		}
		return fmt.Sprintf("seek %d %d: %d", off-1000, whence, r)
	case 4:
		r := c.call(syscall.SYS_READ, uintptr(fd), c.data(), uintptr(size))
		return fmt.Sprintf("read %d: %q %d", size, bytesAt(c.data(), uintptr(max(r, 0))), r)
	}
	s, r := c.pread(fd, uintptr(size), off)
	return fmt.Sprintf("pread %d at %d: %q %d", size, off, s, r)
}

func (c *caller) isDir(fd int64) bool {
	c.call(syscall.SYS_FSTAT, uintptr(fd), c.data())
	return at[stat](c.data()).mode&modeType == modeDir
}

// Random calls give on the kernel's tree what they give on Linux.
func TestTreeLikeLinux(t *testing.T) {
	if syscall.Geteuid() != 0 {
		t.Skip("permissions mean nothing in a guest, so this compares with what root sees")
	}
	rounds := 30
	if testing.Short() {
		rounds = 3
	}
	for seed := range rounds {
		ours, theirs := newCaller(t), linuxCaller(t)
		used, nodes, count := storage.used, storage.nodes, names.count
		ours.mkdir("x", 0o755)
		theirs.mkdir("x", 0o755)
		ourFiles, theirFiles := map[int]int64{}, map[int]int64{}
		ourRand, theirRand := rand.New(rand.NewPCG(7, uint64(seed))), rand.New(rand.NewPCG(7, uint64(seed)))
		var log []string
		for range 3000 {
			got, want := ours.step(ourRand, ourFiles), theirs.step(theirRand, theirFiles)
			if log = append(log, want); got != want {
				t.Fatalf("seed %d:\n%s\nours:   %.300s\nlinux:  %.300s", seed, strings.Join(log[max(0, len(log)-12):], "\n"), got, want)
			}
		}
		for _, fd := range theirFiles {
			theirs.close(fd)
		}
		for _, fd := range ourFiles {
			ours.close(fd)
		}
		ours.removeAll(t, ".")
		if storage.used != used || storage.nodes != nodes || names.count != count {
			t.Errorf("after all was removed %d bytes, %d nodes, %d names are in use, want %d, %d, %d",
				storage.used, storage.nodes, names.count, used, nodes, count)
		}
	}
}

// removeAll empties a directory.
func (c *caller) removeAll(t *testing.T, p string) {
	names, r := c.list(p)
	c.must(t, r)
	for name, kind := range names {
		switch {
		case name == "." || name == "..":
		case kind == modeDir>>12:
			c.removeAll(t, p+"/"+name)
			c.must(t, c.unlink(p+"/"+name, flagRemoveDir))
		default:
			c.must(t, c.unlink(p+"/"+name, 0))
		}
	}
}

// Contents against a plain slice of bytes, across the heights of the tree.
func TestContents(t *testing.T) {
	c := newCaller(t)
	fd := c.must(t, c.open("file", openCreate|openReadWrite, 0o644))
	rnd := rand.New(rand.NewPCG(5, 6))
	var model []byte
	const limit = 5 << 20
	for step := range 3000 {
		off, n := rnd.IntN(1<<(8+rnd.IntN(15))), rnd.IntN(1<<rnd.IntN(17))
		switch op := rnd.IntN(8); {
		case op < 3 && off+n < limit:
			text := strings.Repeat(string(rune('a'+step%26)), n)
			if r := c.pwrite(fd, text, int64(off)); r != int64(n) {
				t.Fatalf("write %d at %d: %d", n, off, r)
			}
			if n > 0 && off+n > len(model) {
				model = append(model, make([]byte, off+n-len(model))...)
			}
			copy(model[min(off, len(model)):], text)
		case op == 3:
			if r := c.truncate(fd, int64(off)); r != 0 {
				t.Fatalf("truncate %d: %d", off, r)
			}
			model = append(model, make([]byte, max(0, off-len(model)))...)[:off]
		case op == 4 && n > 0:
			if r := c.call(syscall.SYS_FALLOCATE, uintptr(fd), 3, uintptr(off), uintptr(n)); r != 0 {
				t.Fatalf("punch: %d", r)
			}
			clear(model[min(off, len(model)):min(off+n, len(model))])
		default:
			got, r := c.pread(fd, uintptr(n), int64(off))
			want := model[min(off, len(model)):min(off+n, len(model))]
			if r != int64(len(want)) || got != string(want) {
				t.Fatalf("step %d: read %d at %d: %d, want %d", step, n, off, r, len(want))
			}
		}
	}
}

// Without room writes fall short, then fail; removing gives all of it back.
func TestStorageLimit(t *testing.T) {
	c := newCaller(t)
	free, used := pages.free, storage.used
	fd := c.must(t, c.open("big", openCreate|openReadWrite, 0o644))
	block := strings.Repeat("x", 256<<10)
	total, r := int64(0), int64(0)
	for {
		if r = c.write(fd, block); r != int64(len(block)) {
			break
		}
		total += r
	}
	if r >= 0 {
		total += r
		r = c.write(fd, block)
	}
	if r != eNOSPC {
		t.Errorf("a write without room: %d", r)
	}
	if want := int64(storage.limit); total > want || total < want*9/10 {
		t.Errorf("%d bytes were written, the limit is %d", total, want)
	}
	for i := 0; ; i++ {
		if r := c.mkdir(fmt.Sprint("d", i), 0o755); r != 0 {
			if r != eNOSPC {
				t.Errorf("mkdir without room: %d", r)
			}
			break
		}
	}
	c.close(fd)
	c.removeAll(t, ".")
	if storage.used != used || free-pages.free > 8 {
		t.Errorf("%d bytes are in use, %d at the start; %d pages are gone", storage.used, used, free-pages.free)
	}
	for {
		if _, f := openFile(fileEvent, openReadWrite); f == nil {
			break
		}
	}
	fd = c.open("y", openCreate, 0o644)
	if fd != eMFILE {
		t.Errorf("open without a descriptor: %d", fd)
	}
}

// Many names: each is found, listed once, also while others are removed.
func TestManyNames(t *testing.T) {
	c := newCaller(t)
	const count = 20000
	for i := range count {
		c.must(t, c.close(c.open(fmt.Sprintf("file number %d", i), openCreate, 0o600)))
	}
	names, _ := c.list(".")
	if len(names) != count+2 {
		t.Errorf("%d names", len(names))
	}
	fd := c.must(t, c.open(".", 0, 0))
	seen := map[string]int{}
	for {
		n := c.call(syscall.SYS_GETDENTS64, uintptr(fd), c.data(), 4000)
		if n <= 0 {
			break
		}
		var found []string
		for a := c.data(); a < c.data()+uintptr(n); a += uintptr(at[dirent](a).len) {
			found = append(found, string(cstring(a+direntName, 256)))
		}
		for i, name := range found {
			seen[name]++
			if i%2 == 0 && name != "." && name != ".." {
				c.must(t, c.unlink(name, 0))
			}
		}
	}
	if len(seen) != count+2 {
		t.Errorf("%d of %d names were seen", len(seen), count+2)
	}
	for name, n := range seen {
		if n != 1 {
			t.Fatalf("%q was seen %d times", name, n)
		}
	}
}

func FuzzWalk(f *testing.F) {
	for _, s := range []string{"/", "", "a", "./a/../b//c/", "link", "link/", "loop/x", "/dev/null", "deep/deep/deep", "../../..", "\xff\x00x",
		strings.Repeat("a", 256), strings.Repeat("a/", 2047) + "b", strings.Repeat("a/", 2048), "link/../link/..", "/etc/.//../tmp/."} {
		f.Add(s)
	}
	c := newCaller(f)
	c.must(f, c.mkdir("deep", 0o755))
	c.must(f, c.symlink("../deep", "deep/deep"))
	c.must(f, c.symlink("deep", "link"))
	c.must(f, c.symlink("loop", "loop"))
	c.must(f, c.symlink(strings.Repeat("./", 2000), "wide"))
	c.must(f, c.close(c.open("a", openCreate, 0o600)))
	f.Fuzz(func(t *testing.T, p string) {
		if len(p) > 8000 || strings.Contains(p, "\x00") {
			return
		}
		for _, how := range []int{0, walkFollow, walkName, walkExisting, walkFollow | walkExisting} {
			at, e := walk(c.base, c.path(0, p), how)
			if e == 0 && at.node == nil && (at.dir == nil || len(at.name) == 0 || bytes.ContainsAny(at.name, "/\x00")) {
				t.Fatalf("%q, %d: %+v", p, how, at)
			}
			if e != 0 && at.node != nil || e > 0 {
				t.Fatalf("%q, %d: %+v and %d", p, how, at, e)
			}
			if how&walkExisting != 0 && e == 0 && at.node == nil {
				t.Fatalf("%q, %d: nothing and no error", p, how)
			}
		}
	})
}
