package kernel

// Pipes, in memory.

const (
	pipeSize  = 64 << 10
	pipePages = pipeSize / pageSize
	// pipeAtomic is PIPE_BUF: writes up to this size are not divided.
	pipeAtomic = 4096
)

// pipe is the object of both of its ends.
type pipe struct {
	reader, writer uintptr // *file, 0 when closed
	start, count   uintptr // of what is in the ring of pages, in bytes
	pages          [pipePages]uintptr
}

// page is the page of a byte in the ring, and where in it that is.
func (p *pipe) page(pos uintptr) (page *uintptr, in uintptr) {
	return &p.pages[pos/pageSize%pipePages], pos % pageSize
}

var pipeCache cache[pipe]

func sysPipe(fds, flags uintptr) int64 {
	const direct = 0x4000 // O_DIRECT
	if flags&direct != 0 || flags&^(openNonblock|openCloexec) != 0 {
		return eINVAL
	}
	p := pipeCache.get()
	if p == nil {
		return eNFILE
	}
	fl := uint32(flags)
	rfd, r := openFile(filePipeReader, fl)
	if r == nil {
		pipeCache.put(p)
		return rfd
	}
	r.object, p.reader = addrOf(p), addrOf(r)
	wfd, w := openFile(filePipeWriter, fl|openWriteOnly)
	if w == nil {
		clearSlot(uintptr(rfd)) // takes the pipe with it
		return wfd
	}
	w.object, p.writer = addrOf(p), addrOf(w)
	*at[[2]int32](fds) = [2]int32{int32(rfd), int32(wfd)}
	return 0
}

// closePipe is the end of one end.
func closePipe(f *file) {
	if f.object == 0 {
		return
	}
	p := at[pipe](f.object)
	other := p.writer
	if f.kind == filePipeReader {
		p.reader = 0
	} else {
		other, p.writer = p.reader, 0
	}
	if other != 0 {
		notify(at[file](other))
		return
	}
	for _, page := range &p.pages {
		if page != 0 {
			pages.release(page, pageSize)
		}
	}
	pipeCache.put(p)
}

func (f *file) readPipe(buf, n uintptr) int64 {
	p := at[pipe](f.object)
	if n == 0 {
		return 0
	}
	if p.count == 0 {
		if p.writer == 0 {
			return 0
		}
		return eAGAIN
	}
	n = min(n, p.count)
	for done := uintptr(0); done < n; {
		page, in := p.page(p.start)
		part := min(n-done, pageSize-in)
		copy(bytesAt(buf+done, part), bytesAt(*page+in, part))
		done += part
		p.count -= part
		if p.count == 0 { // the page stays, for what comes next
			p.start -= in
			break
		}
		p.start = (p.start + part) % pipeSize
		if last, _ := p.page(p.start + p.count - 1); in+part == pageSize && last != page {
			pages.release(*page, pageSize)
			*page = 0
		}
	}
	if p.writer != 0 {
		notify(at[file](p.writer))
	}
	return int64(n)
}

// writePipe writes as much as there is room for. (Linux suspends a blocking
// writer until all is written; here it gets a short count, as a non-blocking
// one does.)
func (f *file) writePipe(buf, n uintptr) int64 {
	p := at[pipe](f.object)
	if p.reader == 0 {
		return ePIPE
	}
	if n == 0 {
		return 0
	}
	room := pipeSize - p.count
	if room == 0 || n <= pipeAtomic && room < n {
		return eAGAIN
	}
	n = min(n, room)
	done := uintptr(0)
	for done < n {
		page, in := p.page(p.start + p.count)
		if *page == 0 {
			if *page = pages.alloc(0, pageSize, pageMapped); *page == 0 {
				break
			}
		}
		part := min(n-done, pageSize-in)
		copy(bytesAt(*page+in, part), bytesAt(buf+done, part))
		done += part
		p.count += part
	}
	if done == 0 {
		return eNOMEM
	}
	notify(at[file](p.reader))
	return int64(done)
}

func (f *file) pollPipe() uint32 {
	p := at[pipe](f.object)
	events := uint32(0)
	if f.kind == filePipeReader {
		if p.count != 0 {
			events |= epollIn
		}
		if p.writer == 0 {
			events |= epollHup | epollRdhup
		}
		return events
	}
	if pipeSize-p.count >= pipeAtomic {
		events |= epollOut
	}
	if p.reader == 0 {
		events |= epollErr
	}
	return events
}
