package spt

import (
	"bytes"
	"debug/elf"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
	"tender/machine"
)

// lateSegment is an image that needs more than 2 MiB.
func lateSegment() image.Spec {
	return image.Spec{
		Target: abi.TargetSPT, Version: abi.VersionSPT, Entry: textAt,
		Segments: []image.SegmentData{
			{Vaddr: textAt, Memsz: 0x1000, Align: abi.PageSize, Flags: elf.PF_X, Data: []byte{0xf4}},
			{Vaddr: 0x200000, Memsz: 0x1000, Align: abi.PageSize, Flags: elf.PF_R | elf.PF_W, Data: []byte{1}},
		},
	}
}

// checkPicture checks a picture's segments: they cover guest memory and the
// prologue without gap or overlap, each byte of the file is at its address,
// nothing is both written and executed but a heap for which that is wanted,
// and each page of the image has the rights its segment asks for.
func checkPicture(t *testing.T, im *image.Image, memBytes, prologueBytes uint64, execHeap bool) {
	t.Helper()
	progs, err := layout(im, memBytes, prologueBytes, execHeap)
	if err != nil {
		if 2*len(im.Segments)+4 < maxProgs {
			t.Error(err)
		}
		return
	}
	headers, err := elfHeaders(memBytes, progs)
	if err != nil || len(headers) > abi.SPTMemBase {
		t.Fatalf("%d bytes of headers, %v", len(headers), err)
	}
	file, err := elf.NewFile(bytes.NewReader(headers))
	if err != nil {
		t.Fatal(err)
	}
	ranges := im.Ranges()
	next := uint64(abi.SPTMemBase)
	for _, p := range file.Progs {
		if p.Type != elf.PT_LOAD {
			if p.Type != elf.PT_GNU_STACK || p.Flags&elf.PF_X != 0 {
				t.Errorf("%+v", p.ProgHeader)
			}
			continue
		}
		if p.Vaddr != next || p.Off != p.Vaddr || p.Filesz > p.Memsz || p.Memsz == 0 || p.Vaddr%abi.PageSize != 0 || p.Filesz%abi.PageSize != 0 || p.Memsz%abi.PageSize != 0 {
			t.Fatalf("%+v after %#x", p.ProgHeader, next)
		}
		next = p.Vaddr + p.Memsz
		writable, executable := p.Flags&elf.PF_W != 0, p.Flags&elf.PF_X != 0
		if !writable && p.Filesz != p.Memsz {
			t.Errorf("the kernel would make the zeros of %+v writable", p.ProgHeader)
		}
		want := elf.PF_R | elf.PF_W
		if execHeap {
			want |= elf.PF_X
		}
		if p.Vaddr == memBytes {
			want = elf.PF_R | elf.PF_X
		}
		for _, r := range ranges {
			if r.Start <= p.Vaddr && p.Vaddr < r.End {
				want = r.Flags & (elf.PF_R | elf.PF_W | elf.PF_X)
				if want&elf.PF_X != 0 {
					want |= elf.PF_R
				}
				if next > r.End || writable && executable {
					t.Errorf("%+v of the segment %+v", p.ProgHeader, r)
				}
			}
		}
		if p.Flags != want {
			t.Errorf("%+v, want %v", p.ProgHeader, want)
		}
	}
	if next != memBytes+prologueBytes {
		t.Errorf("ends at %#x, memory at %#x", next, memBytes)
	}
}

// Whatever image can be loaded, its picture is right.
func FuzzPicture(f *testing.F) {
	seed := func(spec image.Spec, mem byte, heap bool) {
		var file bytes.Buffer
		if err := image.Write(&file, spec); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes(), mem, heap)
	}
	seed(lateSegment(), 1, false)
	seed(lateSegment(), 2, true)
	spec := lateSegment()
	spec.Segments[1].Memsz, spec.Segments[1].Align = 0x12345, 0x100000
	seed(spec, 7, false)
	spec.Segments[1].Flags = elf.PF_R
	seed(spec, 7, true)
	spec.Segments = append(spec.Segments, image.SegmentData{Vaddr: 0x300000, Memsz: 0x100000, Align: abi.PageSize, Flags: elf.PF_R | elf.PF_W, Data: make([]byte, 0x1800)})
	seed(spec, 4, false)
	memory := make([]byte, 8<<20)
	f.Fuzz(func(t *testing.T, file []byte, mib byte, execHeap bool) {
		im, err := image.Read(bytes.NewReader(file), "fuzz")
		if err != nil || CheckImage(im) != nil {
			return
		}
		mem := memory[:uint64(mib%8+1)<<20]
		if _, err := im.Load(mem); err != nil {
			return
		}
		checkPicture(t, im, uint64(len(mem)), 0x2000, execHeap)
	})
}

// An image with as many segments as a process can be made of runs; with more
// it is refused.
func TestManySegments(t *testing.T) {
	build := func(n int) image.Spec {
		spec := image.Spec{
			Target: abi.TargetSPT, Version: abi.VersionSPT, Entry: textAt,
			Segments: []image.SegmentData{{
				Vaddr: textAt, Memsz: 0x1000, Align: abi.PageSize, Flags: elf.PF_X, Data: callCode(unix.SYS_EXIT_GROUP, 6),
			}},
		}
		for i := range n - 1 {
			spec.Segments = append(spec.Segments, image.SegmentData{
				Vaddr: textAt + uint64(i+1)*0x2000, Memsz: 0x1000, Align: abi.PageSize,
				Flags: []elf.ProgFlag{elf.PF_R, elf.PF_R | elf.PF_W, elf.PF_R | elf.PF_X}[i%3], Data: []byte{1},
			})
		}
		return spec
	}
	const most = (maxProgs - 3) / 2
	for _, n := range []int{1, 2, 30, most} {
		im := readImage(t, build(n))
		checkPicture(t, im, 16<<20, 0x1000, false)
		exit, err := run(t, start(t, nil, args(machine.Config{Image: im, MemBytes: 16 << 20})))
		if err != nil || exit.Status != 6 {
			t.Errorf("%d segments: %+v, %v", n, exit, err)
		}
	}
	if p, err := New(args(machine.Config{Image: readImage(t, build(most+1)), MemBytes: 16 << 20})); err == nil {
		t.Errorf("%d segments were accepted", most+1)
		p.Close()
	}
}
