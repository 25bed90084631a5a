package kernel

// signalled is the result of a system call whose registers have been set up
// by the handler of the call itself.
const signalled = -512

// onSyscall answers the system call of the current thread and picks the
// thread to run next.
func onSyscall() {
	t := self()
	if t.ax != nrClockGettime && nextWake != never {
		monotonic() // for schedule; clock_gettime reads the clock anyway
	}
	if r := dispatch(t); r != signalled && r != suspended {
		t.ax = uint64(r)
	}
	if retries {
		retry()
	}
	schedule()
	if onSPT && self().fs != uint64(loadedFS) {
		sptSetFS(uintptr(self().fs))
	}
}

const nrClockGettime = 228

// dispatch knows the calls that mean something here, by their Linux x86-64
// numbers. All others fail with ENOSYS.
func dispatch(t *thread) int64 {
	a, b, c, d, e := uintptr(t.di), uintptr(t.si), uintptr(t.dx), uintptr(t.r10), uintptr(t.r8)
	switch t.ax {
	case 0: // read
		return sysRead(a, b, c)
	case 1: // write
		return sysWrite(a, b, c)
	case 2: // open
		return sysOpen(a, b)
	case 3: // close
		return sysClose(a)
	case 5: // fstat
		return sysFstat(a, b)
	case 9: // mmap
		return sysMmap(a, b, c, d)
	case 10: // mprotect
		return sysMprotect(a, b, c)
	case 11: // munmap
		return sysMunmap(a, b)
	case 13: // rt_sigaction
		return sysSigaction(a, b, c)
	case 14: // rt_sigprocmask
		return sysSigprocmask(a, b, c)
	case 15: // rt_sigreturn
		sysSigreturn()
		return signalled
	case 16: // ioctl
		return sysIoctl(a, b, c)
	case 17: // pread64
		return sysTransfer(false, a, b, c, d)
	case 18: // pwrite64
		return sysTransfer(true, a, b, c, d)
	case 19: // readv
		return sysVector(false, a, b, c)
	case 20: // writev
		return sysVector(true, a, b, c)
	case 21, 269, 439: // access, faccessat, faccessat2
		return eNOENT
	case 22: // pipe
		return sysPipe(a, 0)
	case 24: // sched_yield
		resched = true
		return 0
	case 28: // madvise
		return sysMadvise(a, b, c)
	case 32: // dup
		return sysDup(a)
	case 33: // dup2
		return sysDup3(a, b, 0, true)
	case 35: // nanosleep
		return sysNanosleep(a)
	case 39, 110: // getpid, getppid
		return 1
	case 40, 275: // sendfile, splice: callers take EINVAL for "not these files"
		return eINVAL
	case 41, 53: // socket, socketpair
		return handUp(eAFNOSUPPORT)
	case 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 54, 55, 288, 299, 307:
		// connect, accept, sendto, recvfrom, sendmsg, recvmsg, shutdown, bind,
		// listen, getsockname, getpeername, setsockopt, getsockopt, accept4,
		// recvmmsg, sendmmsg
		return socketCall(a)
	case 56: // clone
		return sysClone(a, b, e)
	case 60: // exit
		exitThread()
		return 0
	case 62: // kill
		return sysKill(b)
	case 72: // fcntl
		return sysFcntl(a, b, c)
	case 79: // getcwd
		return sysGetcwd(a, b)
	case 89, 267: // readlink, readlinkat
		return eNOENT
	case 96: // gettimeofday
		return sysGettimeofday(a)
	case 102, 104, 107, 108: // getuid, getgid, geteuid, getegid
		return 0
	case 131: // sigaltstack
		return sysSigaltstack(a, b)
	case 158: // arch_prctl
		return sysArchPrctl(a, b)
	case 186: // gettid
		return int64(self().tid)
	case 200: // tkill
		return sysKill(b)
	case 202: // futex
		return sysFutex(a, b, c, d)
	case 204: // sched_getaffinity
		return sysGetaffinity(b, c)
	case 213: // epoll_create
		return sysEpollCreate(0)
	case nrClockGettime:
		return sysClockGettime(a, b)
	case 230: // clock_nanosleep
		return sysClockNanosleep(a, b, c)
	case 231: // exit_group
		halt(int32(a & 0xff))
	case 232, 281: // epoll_wait, epoll_pwait
		return sysEpollWait(a, b, int(int32(c)), int32(d))
	case 233: // epoll_ctl
		return sysEpollCtl(a, b, c, d)
	case 234: // tgkill
		return sysTgkill(b, c)
	case 257: // openat
		return sysOpen(b, c)
	case 262, 332: // newfstatat, statx
		return eNOENT
	case 284: // eventfd
		return sysEventfd(a, 0)
	case 290: // eventfd2
		return sysEventfd(a, b)
	case 291: // epoll_create1
		return sysEpollCreate(a)
	case 292: // dup3
		return sysDup3(a, b, c, false)
	case 293: // pipe2
		return sysPipe(a, b)
	case 302: // prlimit64
		return sysPrlimit(b, d)
	case 318: // getrandom
		return sysGetrandom(a, b)
	case 436: // close_range
		return sysCloseRange(a, b, c)
	}
	return eNOSYS
}

func sysArchPrctl(code, addr uintptr) int64 {
	const setFS = 0x1002
	if code != setFS {
		return eINVAL
	}
	self().fs = uint64(addr)
	return 0
}

// sysGetaffinity reports one CPU, which makes GOMAXPROCS 1.
func sysGetaffinity(n, mask uintptr) int64 {
	if n < 8 {
		return eINVAL
	}
	*at[uint64](mask) = 1
	return 8
}

// sysPrlimit says that nothing is limited but open files.
func sysPrlimit(resource, old uintptr) int64 {
	const openFiles = 7
	if old == 0 {
		return 0
	}
	limit := ^uint64(0)
	if resource == openFiles {
		limit = maxFiles
	}
	*at[[2]uint64](old) = [2]uint64{limit, limit}
	return 0
}

func sysGetcwd(buf, n uintptr) int64 {
	if n < 2 {
		return eRANGE
	}
	b := bytesAt(buf, 2)
	b[0], b[1] = '/', 0
	return 2
}

// sysTgkill is raise; a signal for another thread is the runtime's request to
// preempt it.
func sysTgkill(tid, sig uintptr) int64 {
	if int32(tid) != self().tid {
		return 0
	}
	return sysKill(sig)
}
