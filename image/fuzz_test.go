package image

import (
	"bytes"
	"slices"
	"testing"

	"tender/abi"
)

// FuzzRead: an image or an error, never both nor a panic; what reads can be
// loaded into any memory or is refused; ranges are pages within it.
func FuzzRead(f *testing.F) {
	f.Add(write(f, testSpec()))
	plain := testSpec()
	plain.Manifest, plain.Tender, plain.Target = nil, nil, abi.TargetSPT
	f.Add(write(f, plain))
	f.Add([]byte(nil))
	mem := make([]byte, 2<<20)
	f.Fuzz(func(t *testing.T, data []byte) {
		im, err := Read(bytes.NewReader(data), "fuzz")
		if (im == nil) == (err == nil) {
			t.Fatalf("image %v, error %v", im, err)
		}
		if err != nil {
			return
		}
		im.Info()
		im.ABIJSON()
		im.ManifestJSON()
		if err := im.Manifest.Check(); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, abi.MinLoadAddr, abi.MinLoadAddr + 0x3456, len(mem)} {
			end, err := im.Load(mem[:size])
			if err != nil {
				continue
			}
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
	})
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
