package image

import (
	"bytes"
	"encoding/json"
	"testing"

	"tender/abi"
)

func TestInfo(t *testing.T) {
	s := testSpec()
	s.Tender.Flags |= 1 << 31
	im, err := Read(bytes.NewReader(write(t, s)), "test.hvt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(im.Info())
	want := `{"path":"test.hvt","size_bytes":16675,"machine":"x86_64","target":"hvt","abi_version":2,` +
		`"devices":[{"handle":1,"name":"net0","type":"NET_BASIC"},{"handle":2,"name":"disk","type":"BLOCK_BASIC"}],` +
		`"segments":[{"addr":"0x100000","file_bytes":6144,"memory_bytes":6144,"flags":"r-x"},` +
		`{"addr":"0x102010","file_bytes":32,"memory_bytes":32,"flags":"r--"},` +
		`{"addr":"0x103000","file_bytes":291,"memory_bytes":9029,"flags":"rw-"},` +
		`{"addr":"0x106000","file_bytes":0,"memory_bytes":4096,"flags":"rw-"}],` +
		`"entry":"0x100010","user_start":true,"extensions":["user-start","poll-mask","0x80000000"]}`
	if err != nil || string(got) != want {
		t.Errorf("info %s, %v\nwant %s", got, err, want)
	}
	if got, want := string(im.ABIJSON()), "{\n  \"type\": \"solo5.abi\",\n  \"target\": \"hvt\",\n  \"version\": 2\n}\n"; got != want {
		t.Errorf("ABI %s", got)
	}
	if got := string(im.ManifestJSON()); got != manifestText {
		t.Errorf("manifest %s", got)
	}
}

// A device of a reserved type keeps its handle, and shows nowhere.
func TestReservedDevice(t *testing.T) {
	s := testSpec()
	s.Manifest[0].Type = abi.DeviceReserved + 1
	im, err := Read(bytes.NewReader(write(t, s)), "test.hvt")
	if err != nil {
		t.Fatal(err)
	}
	if h, ok := im.Manifest.Handle("disk", abi.DeviceBlock); h != 2 || !ok {
		t.Errorf("handle %d, %v", h, ok)
	}
	if d := im.Info().Devices; len(d) != 1 || d[0] != (DeviceInfo{2, "disk", "BLOCK_BASIC"}) {
		t.Errorf("devices %v", d)
	}
	want := "{\n  \"type\": \"solo5.manifest\",\n  \"version\": 1,\n  \"devices\": [\n    { \"name\": \"disk\", \"type\": \"BLOCK_BASIC\" }\n  ]\n}\n"
	if got := string(im.ManifestJSON()); got != want {
		t.Errorf("manifest %s", got)
	}
}
