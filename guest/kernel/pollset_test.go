package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tender/abi"
)

// watched is what a registration must know.
type watched struct {
	mask  uint32
	edges uint32 // of a socket
	news  bool   // something has happened since it was looked at
}

// epollModel checks sets of epoll against plain maps.
type epollModel struct {
	t       *testing.T
	buf     uintptr
	sets    []uintptr
	sockets map[uintptr]uint32 // what each socket was ever told of
	events  map[uintptr]uint64 // counts of eventfds
	regs    map[[2]uintptr]*watched
}

func (m *epollModel) check(what string, got, want int64) {
	m.t.Helper()
	if got != want {
		m.t.Fatalf("%s: %d, want %d", what, got, want)
	}
}

// ready is what a registration has to report.
func (m *epollModel) ready(fd uintptr, w *watched) uint32 {
	mask := w.mask&^(epollEdge|epollOneshot) | epollAlways
	if w.mask&^(epollEdge|epollOneshot) == 0 {
		return 0
	}
	if _, ok := m.sockets[fd]; ok {
		return w.edges & mask
	}
	if w.mask&epollEdge != 0 && !w.news {
		return 0
	}
	level := uint32(epollOut)
	if m.events[fd] != 0 {
		level |= epollIn
	}
	return level & mask
}

// happened notes something for all registrations of a descriptor.
func (m *epollModel) happened(fd uintptr, edges uint32) {
	for key, w := range m.regs {
		if key[1] == fd {
			w.news = true
			w.edges |= edges
		}
	}
}

func (m *epollModel) ctl(set, fd uintptr, op uintptr, mask uint32) {
	e := at[epollEvent](m.buf)
	e.events = mask
	*at[uint64](addrOf(&e.data)) = uint64(fd)
	key := [2]uintptr{set, fd}
	told, socket := m.sockets[fd]
	_, event := m.events[fd]
	want := int64(0)
	switch have := m.regs[key] != nil; {
	case !socket && !event:
		want = eBADF
	case op == 1 && have:
		want = eEXIST
	case op != 1 && !have:
		want = eNOENT
	case op == 2:
		delete(m.regs, key)
	default:
		m.regs[key] = &watched{mask: mask, edges: told, news: true}
	}
	m.check(fmt.Sprintf("epoll_ctl %d of %d", op, fd), sysEpollCtl(set, op, fd, m.buf), want)
}

func (m *epollModel) wait(set uintptr, limit int) {
	want := map[uintptr]uint32{}
	for key, w := range m.regs {
		if key[0] == set {
			if ready := m.ready(key[1], w); ready != 0 {
				want[key[1]] = ready
			}
		}
	}
	n := sysEpollWait(set, m.buf, limit, 0)
	m.check("epoll_wait", n, int64(min(limit, len(want))))
	for i := range uintptr(n) {
		e := at[epollEvent](m.buf + i*sizeOf[epollEvent]())
		fd := uintptr(*at[uint64](addrOf(&e.data)))
		if want[fd] == 0 || e.events != want[fd] {
			m.t.Fatalf("descriptor %d has %#x, want %#x", fd, e.events, want[fd])
		}
		delete(want, fd)
		w := m.regs[[2]uintptr{set, fd}]
		w.edges, w.news = 0, false
		if w.mask&epollOneshot != 0 {
			w.mask &= epollEdge | epollOneshot
		}
	}
}

// No event is lost, none comes twice, whatever is registered, changed and
// closed in between.
func TestEpollModel(t *testing.T) {
	m := &epollModel{t: t, buf: startFiles(t), sockets: map[uintptr]uint32{}, events: map[uintptr]uint64{}, regs: map[[2]uintptr]*watched{}}
	m.sets = []uintptr{epollFD, uintptr(sysEpollCreate(0))}
	rnd := rand.New(rand.NewPCG(11, 12))
	word := m.buf + 8*pageSize
	for range 200000 {
		fd, set := uintptr(5+rnd.IntN(40)), m.sets[rnd.IntN(2)]
		_, socket := m.sockets[fd]
		_, event := m.events[fd]
		bits := uint32(rnd.IntN(8)*epollIn|rnd.IntN(2)*epollRdhup|rnd.IntN(2)*epollHup) &^ 2
		switch op := rnd.IntN(12); {
		case op == 0 && len(m.sockets)+len(m.events) < 40:
			if rnd.IntN(2) == 0 {
				m.sockets[uintptr(openDev(t, m.buf, abi.SocketPath, 0))] = 0
			} else {
				m.events[uintptr(sysEventfd(0, openNonblock))] = 0
			}
		case op == 1 && rnd.IntN(4) == 0 && (socket || event):
			m.check("close", sysClose(fd), 0)
			delete(m.sockets, fd)
			delete(m.events, fd)
			for _, s := range m.sets {
				delete(m.regs, [2]uintptr{s, fd})
			}
		case op < 5:
			mask := bits | uint32(rnd.IntN(2))<<31 | uint32(rnd.IntN(4)/3)<<30
			m.ctl(set, fd, uintptr(1+rnd.IntN(3)), mask)
		case op < 8 && socket:
			m.sockets[fd] |= bits
			m.happened(fd, bits)
			m.check("ready", sysIoctl(fd, abi.IoctlSocketReady, uintptr(bits)), 0)
		case op < 8 && event && rnd.IntN(2) == 0:
			*at[uint64](word) = uint64(rnd.IntN(3))
			m.events[fd] += *at[uint64](word)
			m.happened(fd, 0)
			m.check("write", sysWrite(fd, word, 8), 8)
		case op < 8 && event:
			want := int64(8)
			if m.events[fd] == 0 {
				want = eAGAIN
			} else {
				m.events[fd] = 0
				m.happened(fd, 0)
			}
			m.check("read", sysRead(fd, word, 8), want)
		default:
			m.wait(set, 1+rnd.IntN(60))
		}
	}
	// The caches have back what the registrations took.
	for _, set := range m.sets {
		sysClose(set)
	}
	for fd := range uintptr(64) {
		if f := fileAt(fd); f != nil && f.interests != 0 {
			t.Errorf("descriptor %d is still registered", fd)
		}
	}
}
