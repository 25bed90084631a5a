package kernel

import (
	"math/rand/v2"
	"testing"
)

// Descriptors against a map: the lowest free one is handed out, several may
// share a file, and the file ends with the last.
func TestDescriptorModel(t *testing.T) {
	startFiles(t)
	start := mapRegion(t, 64<<20)
	pages = pageMap{}
	pages.init(start, start+64<<20)
	model := map[uintptr]uintptr{0: addrOf(&console), 1: addrOf(&console), 2: addrOf(&console), epollFD: 0}
	model[epollFD] = addrOf(fileAt(epollFD))
	lowest := func(from uintptr) uintptr {
		for model[from] != 0 {
			from++
		}
		return from
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	anyFD := func() uintptr {
		if rnd.IntN(8) == 0 {
			return uintptr(rnd.Uint64() >> rnd.IntN(64))
		}
		return uintptr(rnd.IntN(700))
	}
	for step := range 20000 {
		fd, to := anyFD(), anyFD()
		want, got := int64(0), int64(0)
		switch op := rnd.IntN(8); {
		case op < 3:
			want = int64(lowest(0))
			got, _ = openFile(fileEvent, openReadWrite)
			if got >= 0 {
				model[uintptr(got)] = addrOf(fileAt(uintptr(got)))
			}
		case op < 5:
			got = sysClose(fd)
			if model[fd] == 0 {
				want = eBADF
			}
			delete(model, fd)
		case op == 5:
			got = sysDup(fd)
			if want = eBADF; model[fd] != 0 {
				want = int64(lowest(0))
				model[uintptr(want)] = model[fd]
			}
		case op == 6:
			from := to
			got = sysFcntl(fd, 0, from)
			switch {
			case model[fd] == 0:
				want = eBADF
			case from >= maxFiles:
				want = eINVAL
			case lowest(from) >= maxFiles:
				want = eMFILE
			default:
				want = int64(lowest(from))
				model[uintptr(want)] = model[fd]
			}
		default:
			got = sysDup3(fd, to, 0, true)
			if want = eBADF; model[fd] != 0 && to < maxFiles {
				want = int64(to)
				model[to] = model[fd]
			}
		}
		if got != want {
			t.Fatalf("step %d: %d, want %d", step, got, want)
		}
	}
	refs := map[uintptr]uint32{addrOf(&console): 1}
	for fd, f := range model {
		refs[f]++
		if addrOf(fileAt(fd)) != f {
			t.Errorf("descriptor %d is the file %#x, want %#x", fd, addrOf(fileAt(fd)), f)
		}
	}
	for f, n := range refs {
		if at[file](f).refs != n {
			t.Errorf("a file counts %d descriptors, want %d", at[file](f).refs, n)
		}
	}
}

// All descriptors can be in use, and memory comes back.
func TestDescriptorLimit(t *testing.T) {
	startFiles(t)
	start := mapRegion(t, 32<<20)
	pages = pageMap{}
	pages.init(start, start+32<<20)
	after := 0
	for round := range 3 {
		opened := 0
		for {
			fd, f := openFile(fileEvent, openReadWrite)
			if f == nil {
				if fd != eMFILE {
					t.Fatalf("no descriptor left: %d", fd)
				}
				break
			}
			opened++
		}
		if opened != maxFiles-4 {
			t.Errorf("%d files could be opened", opened)
		}
		if r := sysCloseRange(4, ^uintptr(0), 0); r != 0 {
			t.Errorf("close_range: %d", r)
		}
		if round == 0 {
			after = pages.free
		} else if pages.free != after {
			t.Errorf("%d pages are free, then %d", after, pages.free)
		}
	}
}

// Without memory nothing is opened and nothing leaks.
func TestDescriptorMemory(t *testing.T) {
	buf := startFiles(t)
	for pages.alloc(0, pageSize, pageMapped) != 0 {
	}
	for {
		if _, f := openFile(fileEvent, openReadWrite); f == nil {
			break
		}
	}
	for what, r := range map[string]int64{
		"dup beyond the table": sysFcntl(1, 0, 5000),
		"dup3":                 sysDup3(1, 5000, 0, false),
		"pipe2":                sysPipe(buf, 0),
		"epoll_create1":        sysEpollCreate(0),
		"eventfd2":             sysEventfd(0, 0),
	} {
		if r != eNOMEM && r != eNFILE {
			t.Errorf("%s: %d", what, r)
		}
	}
	if console.refs != 4 {
		t.Errorf("the console counts %d descriptors", console.refs)
	}
	if r := sysClose(4); r != 0 {
		t.Errorf("close: %d", r)
	}
	if r := sysEventfd(0, 0); r != 4 {
		t.Errorf("eventfd2 after a close: %d", r)
	}
}

func TestDescriptorFlags(t *testing.T) {
	startFiles(t)
	fd := uintptr(sysEventfd(0, openCloexec|openNonblock))
	plain := uintptr(sysDup(fd))
	const getFD, setFD, getFL, setFL, dupCloexec = 1, 2, 3, 4, 1030
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"close-on-exec as opened", sysFcntl(fd, getFD, 0), 1},
		{"close-on-exec of the duplicate", sysFcntl(plain, getFD, 0), 0},
		{"set close-on-exec", sysFcntl(plain, setFD, 0xff), 0},
		{"close-on-exec when set", sysFcntl(plain, getFD, 0), 1},
		{"set it off", sysFcntl(fd, setFD, 0), 0},
		{"off", sysFcntl(fd, getFD, 0), 0},
		{"flags are shared", sysFcntl(plain, getFL, 0), openReadWrite | openNonblock},
		{"set flags", sysFcntl(plain, setFL, openWriteOnly|openCloexec), 0},
		{"only some can be set", sysFcntl(fd, getFL, 0), openReadWrite},
		{"F_DUPFD_CLOEXEC", sysFcntl(fd, dupCloexec, 600), 600},
		{"its flag", sysFcntl(600, getFD, 0), 1},
		{"F_DUPFD out of range", sysFcntl(fd, 0, maxFiles), eINVAL},
		{"the last descriptor", sysFcntl(fd, 0, maxFiles-1), maxFiles - 1},
		{"no more after it", sysFcntl(fd, 0, maxFiles-1), eMFILE},
		{"dup2 to itself", sysDup3(fd, fd, 0, true), int64(fd)},
		{"dup3 to itself", sysDup3(fd, fd, 0, false), eINVAL},
		{"dup3 with unknown flags", sysDup3(fd, 9, 1, false), eINVAL},
		{"dup2 out of range", sysDup3(fd, maxFiles, 0, true), eBADF},
		{"dup2 of a closed one", sysDup3(400, fd, 0, true), eBADF},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
}
