package kernel

// cache hands out kernel objects of one type. They come from pages of the
// program's memory and never go back there: what was released is what is
// handed out next. The zero cache is ready for use. An object begins as zero
// and must be at least a word long.
type cache[T any] struct {
	free uintptr // the first word of a free object is the address of the next
}

// get returns a zero object, or nil when memory is used up.
func (c *cache[T]) get() *T {
	if c.free == 0 && !c.grow() {
		return nil
	}
	a := c.free
	c.free = *at[uintptr](a)
	p := at[T](a)
	clear(bytesAt(a, sizeOf[T]()))
	return p
}

// put takes an object back; nothing may refer to it any more.
func (c *cache[T]) put(p *T) {
	a := addrOf(p)
	*at[uintptr](a) = c.free
	c.free = a
}

// grow cuts a page into objects, so that the lowest is handed out first.
func (c *cache[T]) grow() bool {
	page := pages.alloc(0, pageSize, pageMapped)
	if page == 0 {
		return false
	}
	size := sizeOf[T]()
	for i := pageSize / size; i > 0; i-- {
		a := page + (i-1)*size
		*at[uintptr](a) = c.free
		c.free = a
	}
	return true
}
