package kernel

// Contents of files: pages in a tree of tables. What no page covers is what
// the archive has there, and zeros beyond.

const (
	fanoutBits = 9
	fanout     = 1 << fanoutBits
	maxHeight  = 3
	// maxFileSize is what a tree of maxHeight covers, in bytes.
	maxFileSize = pageSize << (fanoutBits * maxHeight)
)

// pageTable is a table in the tree: addresses of the tables below it, or of
// pages.
type pageTable [fanout]uintptr

// page is the address of a page of the file, 0 if it has none.
func (n *node) page(index uintptr) uintptr {
	if index>>(fanoutBits*n.height) != 0 {
		return 0
	}
	a := n.tree
	for h := n.height; h > 0 && a != 0; h-- {
		a = at[pageTable](a)[index>>(fanoutBits*(h-1))%fanout]
	}
	return a
}

// makePage is page, which it makes from what the archive has; 0 if there is
// no room.
func (n *node) makePage(index uintptr) uintptr {
	for index>>(fanoutBits*n.height) != 0 {
		if n.height == maxHeight {
			return 0
		}
		if n.tree != 0 {
			table := newPage()
			if table == 0 {
				return 0
			}
			at[pageTable](table)[0] = n.tree
			n.tree = table
		}
		n.height++
	}
	link := &n.tree
	for h := n.height; h > 0; h-- {
		if *link == 0 {
			if *link = newPage(); *link == 0 {
				return 0
			}
		}
		link = &at[pageTable](*link)[index>>(fanoutBits*(h-1))%fanout]
	}
	if *link == 0 {
		if *link = newPage(); *link == 0 {
			return 0
		}
		n.pages++
		if off := int64(index * pageSize); off < n.packedSize {
			size := uintptr(min(n.packedSize-off, pageSize))
			copy(bytesAt(*link, size), bytesAt(n.packed+uintptr(off), size))
		}
	}
	return *link
}

// prune frees the pages from index keep on of a tree, and returns the tree.
func (n *node) prune(a uintptr, height uint32, keep uintptr) uintptr {
	if a == 0 {
		return 0
	}
	if height > 0 {
		table := at[pageTable](a)
		each := uintptr(1) << (fanoutBits * (height - 1))
		for i := keep / each; i < fanout; i++ {
			table[i] = n.prune(table[i], height-1, keep-min(keep, i*each))
		}
	}
	if keep != 0 {
		return a
	}
	if height == 0 {
		n.pages--
	}
	freePage(a)
	return 0
}

// read copies from the file; 0 at or beyond the end.
func (n *node) read(buf, count uintptr, off int64) int64 {
	if off < 0 || off >= n.size {
		return 0
	}
	count = uintptr(min(uint64(count), uint64(n.size-off)))
	for done := uintptr(0); done < count; {
		pos := uintptr(off) + done
		in := pos % pageSize
		dst := bytesAt(buf+done, min(count-done, pageSize-in))
		if page := n.page(pos / pageSize); page != 0 {
			copy(dst, bytesAt(page+in, uintptr(len(dst))))
		} else {
			got := 0
			if int64(pos) < n.packedSize {
				left := min(uintptr(n.packedSize)-pos, uintptr(len(dst)))
				got = copy(dst, bytesAt(n.packed+pos, left))
			}
			clear(dst[min(got, len(dst)):])
		}
		done += uintptr(len(dst))
	}
	return int64(count)
}

// write copies to the file: as much as there is room for.
func (n *node) write(buf, count uintptr, off int64) int64 {
	if count == 0 {
		return 0
	}
	if off < 0 || off >= maxFileSize {
		return eFBIG
	}
	count = min(count, uintptr(maxFileSize-off))
	done := uintptr(0)
	for done < count {
		pos := uintptr(off) + done
		in := pos % pageSize
		page := n.makePage(pos / pageSize)
		if page == 0 {
			break
		}
		done += uintptr(copy(bytesAt(page+in, pageSize-in), bytesAt(buf+done, count-done)))
		n.size = max(n.size, off+int64(done))
	}
	if done == 0 {
		return eNOSPC
	}
	n.touch()
	return int64(done)
}

// truncate makes the file this long.
func (n *node) truncate(size int64) {
	n.packedSize = min(n.packedSize, size)
	n.tree = n.prune(n.tree, n.height, uintptr(size+pageSize-1)/pageSize)
	if n.tree == 0 {
		n.height = 0
	}
	if in := uintptr(size) % pageSize; in != 0 {
		if page := n.page(uintptr(size) / pageSize); page != 0 {
			clear(bytesAt(page+in, pageSize-in))
		}
	}
	n.size = size
}

// punch makes a range of the file zero.
func (n *node) punch(off, end int64) int64 {
	end = min(end, n.size)
	for off < end {
		index, in := uintptr(off)/pageSize, uintptr(off)%pageSize
		part := min(uintptr(end-off), pageSize-in)
		page := n.page(index)
		if page == 0 && off-int64(in) < n.packedSize {
			if page = n.makePage(index); page == 0 {
				return eNOSPC
			}
		}
		if page != 0 {
			clear(bytesAt(page+in, part))
		}
		off += int64(part)
	}
	n.touch()
	return 0
}
