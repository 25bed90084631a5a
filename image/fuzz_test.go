package image

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"tender/abi"
)

// FuzzRead: an image or an error, never both nor a panic; what reads can be
// loaded into any memory or is refused; ranges are pages within it.
func FuzzRead(f *testing.F) {
	f.Add(write(f, testSpec()))
	f.Add(write(f, smallSpec()))
	f.Add([]byte(nil))
	mem := make([]byte, 2<<20)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRead(t, data, mem)
	})
}

// checkRead checks what holds for any bytes. It loads an image into pieces
// of mem and returns how far it came: 0 refused, 1 read, 2 loaded.
func checkRead(t *testing.T, data, mem []byte) (stage int) {
	im, err := Read(bytes.NewReader(data), "fuzz")
	if (im == nil) == (err == nil) {
		t.Fatalf("image %v, error %v", im, err)
	}
	if err != nil {
		return 0
	}
	im.Info()
	im.ABIJSON()
	im.ManifestJSON()
	if err := im.Manifest.Check(); err != nil {
		t.Fatal(err)
	}
	stage = 1
	for _, size := range []int{0, abi.MinLoadAddr, abi.MinLoadAddr + 0x3456, len(mem)} {
		end, err := im.Load(mem[:size])
		if err != nil {
			continue
		}
		stage = 2
		last := uint64(abi.MinLoadAddr)
		for _, r := range im.Ranges() {
			if r.Start < last || r.End <= r.Start || r.Start%abi.PageSize != 0 || r.End%abi.PageSize != 0 {
				t.Fatalf("ranges %v", im.Ranges())
			}
			last = r.End
		}
		if end > uint64(size) || len(im.Ranges()) > 0 && last != end {
			t.Fatalf("kernel end %#x in %#x bytes, ranges %v", end, size, im.Ranges())
		}
	}
	return stage
}

// Fields of valid images take edge values: the mutations that a fuzzer
// without knowledge of the format seldom makes.
func TestReadSpoiledFields(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	mem := make([]byte, 2<<20)
	images := [][]byte{write(t, testSpec()), write(t, smallSpec())}
	edges := []uint64{0, 1, 11, 12, 19, 20, 0xfff, 0x1000, 0xfffff, 0x100000, 0x101000, 1 << 21, 1 << 31, 1 << 32, 1 << 63, 1<<63 - 1}
	var stages [3]int
	for range 20000 {
		r := rawImage(slices.Clone(images[rnd.IntN(len(images))]))
		for range 1 + rnd.IntN(3) {
			v := edges[rnd.IntN(len(edges))]
			v += uint64(rnd.IntN(3)) - 1
			switch rnd.IntN(4) {
			case 0: // a field of the header or of a program header
				r.put64(24+8*rnd.IntN(60), v)
			case 1:
				r.put32(16+4*rnd.IntN(120), uint32(v))
			case 2: // a field of a note, or what follows
				r.put32(headerSize+4*rnd.IntN(240), uint32(v))
			case 3:
				r[rnd.IntN(1024)] = byte(v)
			}
		}
		stages[checkRead(t, r, mem)]++
	}
	t.Logf("refused %d, read %d, loaded %d", stages[0], stages[1], stages[2])
	if slices.Min(stages[:]) == 0 {
		t.Error("a stage was never reached")
	}
}

// FuzzManifestJSON: what is accepted is valid and prints as itself.
func FuzzManifestJSON(f *testing.F) {
	f.Add([]byte(manifestText))
	f.Add([]byte(`{"devices":[],"version":1,"type":"solo5.manifest"}`))
	f.Add([]byte(`{"type":"solo5.manifest","version":1.0,"devices":[{"name":"a"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifestJSON(data)
		if (m == nil) == (err == nil) {
			t.Fatalf("manifest %v, error %v", m, err)
		}
		if err != nil {
			return
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		again, err := ParseManifestJSON(m.JSON())
		if err != nil || !slices.Equal(m, again) {
			t.Fatalf("%v became %v, %v", m, again, err)
		}
		again, err = ParseManifest(m.Binary())
		if err != nil || !slices.Equal(m, again) {
			t.Fatalf("%v became %v, %v", m, again, err)
		}
	})
}

// FuzzManifestBinary: what is accepted is valid and survives a round trip.
func FuzzManifestBinary(f *testing.F) {
	f.Add(testSpec().Manifest.Binary())
	f.Add(Manifest{}.Binary())
	f.Add([]byte{1, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if (m == nil) == (err == nil) {
			t.Fatalf("manifest %v, error %v", m, err)
		}
		if err != nil {
			return
		}
		again, err := ParseManifest(m.Binary())
		if err != nil || !slices.Equal(m, again) || len(m.Binary()) != len(data) {
			t.Fatalf("%v became %v, %v", m, again, err)
		}
	})
}
