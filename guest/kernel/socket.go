package kernel

import "tender/abi"

// Sockets. The kernel knows of a socket only that its descriptor is in use and
// what readiness it was told of; what a socket does is done by a package of
// the program. Calls on sockets that reach the kernel all the same are handed
// up to that package by way of /dev/sockets: the thread is suspended until the
// answer has come.

var (
	sockets  uintptr // *file of /dev/sockets, 0 while nobody has opened it
	upHead   uintptr // *thread: those that hand up, oldest first
	upTail   uintptr
	upNumber uint64 // of the last record
)

// ioctlSocket knows what the package asks for, and hands up the rest.
func (f *file) ioctlSocket(fd, request, arg uintptr) int64 {
	switch request {
	case abi.IoctlSocketReady:
		f.count |= uint64(uint32(arg))
		for a := f.interests; a != 0; {
			in := at[interest](a)
			a = in.next
			in.edges |= uint32(arg)
		}
		notify(f)
		return 0
	case abi.IoctlSocketDup:
		return install(f, arg, true)
	case abi.IoctlSocketDupTo:
		if arg >= maxFiles || arg == fd {
			return eBADF
		}
		if fileAt(arg) != nil {
			clearSlot(arg)
		}
		if !setSlot(arg, f, true) {
			return eNOMEM
		}
		return int64(arg)
	case abi.IoctlSocketClose:
		clearSlot(fd)
		return 0
	}
	return handUp(eNOTTY)
}

func openSockets(flags uint32) int64 {
	if sockets != 0 {
		return eBUSY
	}
	fd, f := openFile(fileSockets, openReadWrite|flags&(openNonblock|openCloexec))
	if f != nil {
		sockets = addrOf(f)
	}
	return fd
}

// closeSockets ends all calls that were handed up.
func closeSockets() {
	sockets, upHead, upTail = 0, 0, 0
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if t.state == threadHandsUp || t.state == threadHandedUp {
			wake(t, eNETDOWN)
		}
	}
}

// handUp suspends the calling thread until its call is answered; without
// anybody to answer it gives the error that is passed.
func handUp(otherwise int64) int64 {
	if sockets == 0 {
		return otherwise
	}
	t := self()
	block(threadHandsUp, never)
	t.next = 0
	if upTail != 0 {
		at[thread](upTail).next = addrOf(t)
	} else {
		upHead = addrOf(t)
	}
	upTail = addrOf(t)
	notify(at[file](sockets))
	return suspended
}

// socketCall is a system call for sockets only.
func socketCall(fd uintptr) int64 {
	switch f := fileAt(fd); {
	case f == nil:
		return eBADF
	case f.kind != fileSocket:
		return eNOTSOCK
	}
	return handUp(eNOTSOCK)
}

// isSocket says whether a call on the descriptor is to be handed up.
func isSocket(fd uintptr) bool {
	f := fileAt(fd)
	return sockets != 0 && f != nil && f.kind == fileSocket
}

// readCall gives the oldest call that waits.
func readCall(buf, n uintptr) int64 {
	if n < sizeOf[abi.SocketCall]() {
		return eINVAL
	}
	if upHead == 0 {
		return eAGAIN
	}
	t := at[thread](upHead)
	if upHead = t.next; upHead == 0 {
		upTail = 0
	}
	upNumber++
	t.state, t.futex = threadHandedUp, uintptr(upNumber)
	*at[abi.SocketCall](buf) = abi.SocketCall{
		ID:     upNumber,
		Number: t.ax,
		Args:   [6]uint64{t.di, t.si, t.dx, t.r10, t.r8, t.r9},
	}
	return int64(sizeOf[abi.SocketCall]())
}

func pollCalls() uint32 {
	if upHead != 0 {
		return epollIn
	}
	return 0
}

// ioctlSockets answers a call.
func ioctlSockets(request, arg uintptr) int64 {
	if request != abi.IoctlSocketReply {
		return eNOTTY
	}
	reply := at[abi.SocketReply](arg)
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if t.state == threadHandedUp && t.futex == uintptr(reply.ID) {
			wake(t, reply.Result)
			return 0
		}
	}
	return eINVAL
}
