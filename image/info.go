package image

import (
	"fmt"

	"tender/abi"
)

// Info is a description of an image for people and, as JSON, for programs.
type Info struct {
	Path string `json:"path"`
	// SizeBytes is the size of the file, -1 if it is not known.
	SizeBytes  int64         `json:"size_bytes"`
	Machine    string        `json:"machine"`
	Target     string        `json:"target"`
	ABIVersion uint32        `json:"abi_version"`
	Devices    []DeviceInfo  `json:"devices"`
	Segments   []SegmentInfo `json:"segments"`
	Entry      string        `json:"entry"`
	UserStart  bool          `json:"user_start"`
	// Extensions are the names of the flags of the extension note.
	Extensions []string `json:"extensions"`
}

// DeviceInfo describes a device.
type DeviceInfo struct {
	Handle int    `json:"handle"`
	Name   string `json:"name"`
	Type   string `json:"type"`
}

// SegmentInfo describes a segment; Flags is like "r-x".
type SegmentInfo struct {
	Addr        string `json:"addr"`
	FileBytes   uint64 `json:"file_bytes"`
	MemoryBytes uint64 `json:"memory_bytes"`
	Flags       string `json:"flags"`
}

// Info describes the image. Slices are never nil; devices of reserved types
// are left out.
func (im *Image) Info() Info {
	info := Info{
		Path:       im.Name,
		SizeBytes:  im.size,
		Machine:    machineName[im.Machine],
		Target:     TargetName(im.Target),
		ABIVersion: im.Version,
		Devices:    []DeviceInfo{},
		Segments:   []SegmentInfo{},
		Entry:      fmt.Sprintf("%#x", im.Entry),
		UserStart:  im.UserStart(),
		Extensions: extensions(im.Tender),
	}
	for i, d := range im.Manifest {
		if d.Type < abi.DeviceReserved {
			info.Devices = append(info.Devices, DeviceInfo{i + 1, d.Name, TypeName(d.Type)})
		}
	}
	for _, s := range im.Segments {
		info.Segments = append(info.Segments, SegmentInfo{fmt.Sprintf("%#x", s.Vaddr), s.Filesz, s.Memsz, flagText(uint32(s.Flags))})
	}
	return info
}

// flagText shows the p_flags of a segment, X being bit 0.
func flagText(flags uint32) string {
	text := []byte("---")
	for i, c := range []byte("rwx") {
		if flags>>(2-i)&1 != 0 {
			text[i] = c
		}
	}
	return string(text)
}

// flagNames are the known flags of the extension note, by bit.
var flagNames = map[uint32]string{
	abi.FlagUserStart: "user-start",
	abi.FlagPollMask:  "poll-mask",
	abi.FlagSPT:       "spt",
	abi.FlagRingIO:    "ring-io",
	abi.FlagEvents:    "events",
	abi.FlagUMEM:      "umem",
	abi.FlagOffloads:  "offloads",
}

// extensions names the flags; those not known show as numbers.
func extensions(t *abi.TenderNote) []string {
	names := []string{}
	if t == nil {
		return names
	}
	for bit := range 32 {
		flag := uint32(1) << bit
		if t.Flags&flag == 0 {
			continue
		}
		name, ok := flagNames[flag]
		if !ok {
			name = fmt.Sprintf("%#x", flag)
		}
		names = append(names, name)
	}
	return names
}

// ABIJSON is what Solo5's query-abi prints.
func (im *Image) ABIJSON() []byte {
	return fmt.Appendf(nil, "{\n  \"type\": \"solo5.abi\",\n  \"target\": %q,\n  \"version\": %d\n}\n", TargetName(im.Target), im.Version)
}

// ManifestJSON is what Solo5's query-manifest prints.
func (im *Image) ManifestJSON() []byte { return im.Manifest.JSON() }
