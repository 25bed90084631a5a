package kernel

import "tender/abi"

// Devices of the manifest as files, and the poll set of several of them.

// deviceFiles is the list of open files that POLL is for: network devices and
// poll sets.
var deviceFiles uintptr // *file

func listDevice(f *file) {
	f.nextDevice = deviceFiles
	deviceFiles = addrOf(f)
}

func unlistDevice(f *file) {
	for link := &deviceFiles; *link != 0; link = &at[file](*link).nextDevice {
		if *link == addrOf(f) {
			*link = f.nextDevice
			return
		}
	}
}

// manifestEntry is the device with a handle.
func manifestEntry(handle uintptr) *abi.ManifestEntry {
	return at[abi.ManifestEntry](manifest + sizeOf[abi.ManifestHeader]() + handle*sizeOf[abi.ManifestEntry]())
}

// opened are the handles of devices that are open.
var opened uint64

// openDevice opens a device of the manifest; each can be open once.
func openDevice(name []byte, typ abi.DeviceType, kind uint8, flags uint32) int64 {
	n := uintptr(at[abi.ManifestHeader](manifest).Entries)
	for handle := uintptr(1); handle < n && handle < abi.ManifestMaxEntries; handle++ {
		e := manifestEntry(handle)
		if e.Type != typ || e.Attached == 0 || string(cstring(addrOf(&e.Name), abi.MaxNameLen)) != string(name) {
			continue
		}
		if opened>>handle&1 != 0 {
			return eBUSY
		}
		if kind == fileNet {
			flags |= openNonblock
		}
		fd, f := openFile(kind, openReadWrite|flags&(openNonblock|openCloexec))
		if f != nil {
			f.handle, f.object = handle, addrOf(e)
			opened |= 1 << handle
			if kind == fileNet {
				f.count = 1 << handle
				listDevice(f)
			}
		}
		return fd
	}
	return eNOENT
}

func closeDevice(f *file) {
	unlistDevice(f)
	if f.kind != filePoll {
		opened &^= 1 << (f.handle & 63)
	}
}

// openPoll makes an empty poll set.
func openPoll(flags uint32) int64 {
	fd, f := openFile(filePoll, openReadWrite|openNonblock|flags&openCloexec)
	if f != nil {
		listDevice(f)
	}
	return fd
}

func (f *file) pollDevice() uint32 {
	if readySet(f.count) != 0 {
		return epollIn | epollOut
	}
	return epollOut
}

func (f *file) readReady(buf, n uintptr) int64 {
	if n < 8 {
		return eINVAL
	}
	set := readySet(f.count)
	if set == 0 {
		return eAGAIN
	}
	*at[uint64](buf) = set
	return 8
}

func (f *file) readFrame(buf, n uintptr) int64 {
	if f.count&umemHandles != 0 {
		return f.readUMEM(buf, n)
	}
	got, res := hostNetRead(f.handle, buf, n)
	if res == abi.ResultOK {
		return int64(got)
	}
	if res == abi.ResultAgain {
		deviceReady &^= f.count
	}
	return resultErrno(res)
}

func (f *file) writeFrame(buf, n uintptr) int64 {
	if f.count&umemHandles != 0 {
		return eINVAL
	}
	if res := hostNetWrite(f.handle, buf, n); res != abi.ResultOK {
		return resultErrno(res)
	}
	return int64(n)
}

// capacity is that of a block device in bytes.
func (f *file) capacity() int64 {
	return int64(at[abi.BlockInfo](addrOf(&at[abi.ManifestEntry](f.object).Info)).CapacityBytes)
}

// transferBlocks is pread and pwrite of whole blocks. A write beyond the end
// writes nothing, since os.File could not tell the program how much of it was
// done. The contract promises one block per call, and the filter of spt allows
// no more; but an hvt tender takes any number, and an exit costs far more than
// a block. So all is tried at once there, and block by block to find out how
// far it goes if that fails.
func (f *file) transferBlocks(write bool, buf, n, offset uintptr) int64 {
	info := at[abi.BlockInfo](addrOf(&at[abi.ManifestEntry](f.object).Info))
	size, capacity := uintptr(info.BlockBytes), uintptr(info.CapacityBytes)
	if size == 0 || n%size != 0 || offset%size != 0 {
		return eINVAL
	}
	if left := capacity - min(offset, capacity); n > left {
		if write {
			return eNOSPC
		}
		n = left - left%size
	}
	if !onSPT && n > size && hostBlock(write, f.handle, offset, buf, n) == abi.ResultOK {
		return int64(n)
	}
	done := uintptr(0)
	for ; done < n; done += size {
		if res := hostBlock(write, f.handle, offset+done, buf+done, size); res != abi.ResultOK {
			if done == 0 {
				return resultErrno(res)
			}
			break
		}
	}
	return int64(done)
}

func resultErrno(r abi.Result) int64 {
	switch r {
	case abi.ResultAgain:
		return eAGAIN
	case abi.ResultInval:
		return eINVAL
	}
	return eIO
}

func (f *file) ioctlDevice(request, arg uintptr) int64 {
	switch {
	case request == abi.IoctlDeviceInfo && f.object != 0:
		*at[abi.DeviceInfo](arg) = abi.DeviceInfo{
			Handle: uint64(f.handle),
			Info:   at[abi.ManifestEntry](f.object).Info,
		}
		return 0
	case request == abi.IoctlUMEM && f.kind == fileNet:
		*at[abi.UMEMArea](arg) = abi.UMEMArea{}
		if f.count&umemHandles != 0 {
			*at[abi.UMEMArea](arg) = abi.UMEMArea{Address: uint64(umemAddress), Bytes: umemHeader().Bytes}
		}
		return 0
	case request == abi.IoctlDoorbell && f.count&umemHandles != 0:
		ringDoorbell()
		return 0
	case request == abi.IoctlPollSet && f.kind == filePoll:
		f.count = uint64(arg)
		notify(f)
		return 0
	case request == abi.IoctlDeviceName && f.kind == filePoll:
		return deviceName(at[abi.DeviceName](arg))
	}
	return eNOTTY
}

// deviceName fills in type and name of the device with d's handle.
func deviceName(d *abi.DeviceName) int64 {
	handle := uintptr(d.Handle)
	if handle == 0 || handle >= uintptr(at[abi.ManifestHeader](manifest).Entries) || handle >= abi.ManifestMaxEntries {
		return eNOENT
	}
	e := manifestEntry(handle)
	if e.Attached == 0 {
		return eNOENT
	}
	d.Type, d.Name = e.Type, e.Name
	return 0
}
