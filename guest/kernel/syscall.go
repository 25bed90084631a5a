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
	leave()
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
		return sysOpen(atCWD, a, b, c)
	case 3: // close
		return sysClose(a)
	case 4: // stat
		return sysStat(atCWD, a, b, 0)
	case 5: // fstat
		return sysFstat(a, b)
	case 6: // lstat
		return sysStat(atCWD, a, b, flagNofollow)
	case 8: // lseek
		return sysLseek(a, int64(b), c)
	case 9: // mmap
		if d&mapAnonymous == 0 {
			return sysMapFile(a, b, c, d, e, uintptr(t.r9))
		}
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
	case 21: // access
		return sysAccess(atCWD, a, b, 0)
	case 22: // pipe
		return sysPipe(a, 0)
	case 24: // sched_yield
		resched = true
		return 0
	case 26, 162, 306, 221, 149, 150, 151, 152, 325: // msync, sync, syncfs, fadvise64, mlock, munlock, mlockall, munlockall, mlock2
		return 0
	case 28: // madvise
		return sysMadvise(a, b, c)
	case 32: // dup
		return sysDup(a)
	case 33: // dup2
		return sysDup3(a, b, 0, true)
	case 35: // nanosleep
		return sysNanosleep(a)
	case 38: // setitimer
		return sysSetitimer(a, b, c)
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
	case 61, 247: // wait4, waitid
		return eCHILD
	case 62: // kill
		return sysKill(b)
	case 63: // uname
		return sysUname(a)
	case 72: // fcntl
		return sysFcntl(a, b, c)
	case 73: // flock: there is no other process
		return 0
	case 74, 75: // fsync, fdatasync
		return sysSync(a)
	case 76: // truncate
		return sysTruncate(a, int64(b))
	case 77: // ftruncate
		return sysFtruncate(a, int64(b))
	case 79: // getcwd
		return sysGetcwd(a, b)
	case 80: // chdir
		return sysChdir(a)
	case 81: // fchdir
		return sysFchdir(a)
	case 82: // rename
		return sysRename(atCWD, a, atCWD, b, 0)
	case 83: // mkdir
		return sysMkdir(atCWD, a, b)
	case 84: // rmdir
		return sysUnlink(atCWD, a, flagRemoveDir)
	case 85: // creat
		return sysOpen(atCWD, a, openCreate|openTruncate|openWriteOnly, b)
	case 86: // link
		return sysLink(atCWD, a, atCWD, b, 0)
	case 87: // unlink
		return sysUnlink(atCWD, a, 0)
	case 88: // symlink
		return sysSymlink(a, atCWD, b)
	case 89: // readlink
		return sysReadlink(atCWD, a, b, c)
	case 90: // chmod
		return sysChmod(atCWD, a, b, 0)
	case 91: // fchmod
		return sysChmod(a, 0, b, 0)
	case 92: // chown
		return sysChown(atCWD, a, b, c, 0)
	case 93: // fchown
		return sysChown(a, 0, b, c, 0)
	case 94: // lchown
		return sysChown(atCWD, a, b, c, flagNofollow)
	case 95: // umask
		return sysUmask(a)
	case 96: // gettimeofday
		return sysGettimeofday(a)
	case 97: // getrlimit
		return sysPrlimit(a, b)
	case 98: // getrusage
		return sysGetrusage(b)
	case 99: // sysinfo
		return sysSysinfo(a)
	case 102, 104, 107, 108, 115: // getuid, getgid, geteuid, getegid, getgroups
		return 0
	case 105, 106, 113, 114, 117, 119, 122, 123: // setuid, setgid, setreuid, setregid, setresuid, setresgid, setfsuid, setfsgid
		return onlyRoot(t.ax, a, b, c)
	case 111, 121, 124: // getpgrp, getpgid, getsid
		return 1
	case 118, 120: // getresuid, getresgid
		return sysGetresuid(a, b, c)
	case 131: // sigaltstack
		return sysSigaltstack(a, b)
	case 133: // mknod
		return sysMake(atCWD, a, uint32(b), uint64(c))
	case 137: // statfs
		return sysStatfs(a, b)
	case 138: // fstatfs
		return sysFstatfs(a, b)
	case 157: // prctl
		return sysPrctl(a, b)
	case 158: // arch_prctl
		return sysArchPrctl(a, b)
	case 160: // setrlimit
		return 0
	case 170: // sethostname
		return sysSethostname(a, b)
	case 186: // gettid
		return int64(self().tid)
	case 200: // tkill
		return sysTgkill(a, b)
	case 202: // futex
		return sysFutex(a, b, c, d)
	case 204: // sched_getaffinity
		return sysGetaffinity(b, c)
	case 213: // epoll_create
		return sysEpollCreate(0)
	case 217: // getdents64
		return sysGetdents(a, b, c)
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
	case 235: // utimes
		return sysTimevals(atCWD, a, b)
	case 257: // openat
		return sysOpen(a, b, c, d)
	case 258: // mkdirat
		return sysMkdir(a, b, c)
	case 259: // mknodat
		return sysMake(a, b, uint32(c), uint64(d))
	case 260: // fchownat
		return sysChown(a, b, c, d, e)
	case 261: // futimesat
		return sysTimevals(a, b, c)
	case 262: // newfstatat
		if d&^(flagNofollow|flagNoAutomount|flagEmptyPath) != 0 {
			return eINVAL
		}
		return sysStat(a, b, c, d)
	case 263: // unlinkat
		return sysUnlink(a, b, c)
	case 264: // renameat
		return sysRename(a, b, c, d, 0)
	case 265: // linkat
		return sysLink(a, b, c, d, e)
	case 266: // symlinkat
		return sysSymlink(a, b, c)
	case 267: // readlinkat
		return sysReadlink(a, b, c, d)
	case 268: // fchmodat
		return sysChmod(a, b, c, 0)
	case 269: // faccessat
		return sysAccess(a, b, c, 0)
	case 280: // utimensat
		return sysUtimes(a, b, c, d)
	case 284: // eventfd
		return sysEventfd(a, 0)
	case 285: // fallocate
		return sysFallocate(a, b, int64(c), int64(d))
	case 290: // eventfd2
		return sysEventfd(a, b)
	case 291: // epoll_create1
		return sysEpollCreate(a)
	case 292: // dup3
		return sysDup3(a, b, c, false)
	case 293: // pipe2
		return sysPipe(a, b)
	case 295: // preadv
		return sysTransferVector(false, a, b, c, d)
	case 296: // pwritev
		return sysTransferVector(true, a, b, c, d)
	case 302: // prlimit64
		return sysPrlimit(b, d)
	case 316: // renameat2
		return sysRename(a, b, c, d, e)
	case 318: // getrandom
		return sysGetrandom(a, b)
	case 327, 328: // preadv2, pwritev2
		return sysTransferVector2(t.ax == 328, a, b, c, d, uintptr(t.r9))
	case 436: // close_range
		return sysCloseRange(a, b, c)
	case 439: // faccessat2
		if d&^(flagEffective|flagNofollow|flagEmptyPath) != 0 {
			return eINVAL
		}
		return sysAccess(a, b, c, d)
	case 452: // fchmodat2
		if d&^(flagNofollow|flagEmptyPath) != 0 {
			return eINVAL
		}
		return sysChmod(a, b, c, d)
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
