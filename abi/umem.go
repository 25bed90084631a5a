package abi

// The data path of our own images: frames move between the network devices and
// guest memory through rings that the guest shares with the tender, with
// neither an exit nor a system call per frame. The shape is AF_XDP's: one area
// of memory (the UMEM) with chunks for frames, and for each device four rings
// with one producer and one consumer each.
//
//	fill        guest → tender   chunks to receive into
//	receive     tender → guest   chunks that hold a frame
//	transmit    guest → tender   frames to send
//	completion  tender → guest   chunks whose frames have been sent
//
// All chunks are the guest's at first. It lends one with fill or transmit, and
// has it back with receive or completion; so a frame received from one device
// is forwarded by handing its descriptor to another. The UMEMHeadroom bytes
// before a frame that is sent, if they are of the same chunk, are lost.
//
// A frame has one descriptor, or with UMEMChains up to UMEMMaxChain of them, all
// of which but the last have UMEMMore and which are published together. With
// UMEMOffloads, which needs UMEMChains, a frame begins with a VNETHeader, and may
// have up to 64 KiB: it is then a TCP segment that is larger than the MTU, or one
// without its checksum, either way.
//
// A guest waits with more frames to send until no more chunks than a ring has
// slots are in transmit and completion together: the tender does not send without
// room in completion. With UMEMChains, it may wait for up to UMEMMaxChain chunks
// in fill before it receives.
//
// An index counts entries since the start, modulo 2^32; entry i is in slot
// i mod slots. A producer writes entries and then its index, a consumer reads
// entries and then writes its own: each with release semantics, and the other
// side reads it with acquire semantics.
//
// Who runs out of work says so in its Sleeps word, makes sure once more with a
// full barrier between, and then sleeps. Who has moved a producer index, or a
// consumer index that the other side waits for, looks at the other's word after a
// full barrier, and if it is not 0 sets it to 0 and wakes the other: the guest
// by its doorbell, the tender by ending the guest's wait. The guest is woken for
// frames that were received, for devices that have failed, and for chunks that
// come back while the tender has too few to receive; not for each frame that was
// sent.
const (
	// UMEMVersion is the value of UMEMHeader.Version.
	UMEMVersion = 2
	// UMEMChunkBytes is the distance of chunks, and the size of each.
	UMEMChunkBytes = 2048
	// UMEMDoorbellPort is where an hvt guest wakes the tender: a 4-byte OUT of
	// any value, which does not return to the tender.
	UMEMDoorbellPort = 0x601
	// UMEMMaxSlots bounds the slots of a ring.
	UMEMMaxSlots = 4096
	// SPTWakeData is the epoll data of the event by which the tender wakes an
	// spt guest.
	SPTWakeData = 0xfffffffc
)

// UMEMHeader is at the start of the UMEM. The tender writes it before the guest
// starts, and neither relies on it later but for the Sleeps words.
type UMEMHeader struct {
	Version uint32
	// Ports is the number of UMEMPort behind the header.
	Ports uint32
	// Bytes is the size of the UMEM.
	Bytes uint64
	// Chunks is the number of chunks, the first at ChunksOffset.
	Chunks       uint32
	_            uint32
	ChunksOffset uint64
	// DoorbellFD is the eventfd by which an spt guest wakes the tender.
	DoorbellFD int32
	_          uint32
	// Gone is the set of handles whose devices have failed for good. The tender
	// adds to it, and wakes the guest.
	Gone uint64
	_    [16]byte
	// TenderSleeps and GuestSleeps have a cache line each.
	TenderSleeps uint32
	_            [60]byte
	GuestSleeps  uint32
	_            [60]byte
}

// UMEMPort describes the rings of one device. An offset is from the start of
// the UMEM, to a UMEMRing.
type UMEMPort struct {
	// Handle is the device's, 1..63.
	Handle uint32
	// Slots is the number of entries of each ring, a power of two.
	Slots      uint32
	Fill       uint64
	Receive    uint64
	Transmit   uint64
	Completion uint64
	// Offers is the set of features that the tender has for the device, written
	// before the start. Wants is what the guest has chosen of them, 0 at the
	// start. Has follows Wants once the tender has taken all there was to
	// transmit; frames that it puts into the receive ring later are of that
	// kind, and so are to be those that the guest transmits.
	Offers, Wants, Has uint32
	_                  uint32
}

// Features of a port.
const (
	// UMEMChains are frames of several descriptors.
	UMEMChains = 1 << 0
	// UMEMOffloads are frames that begin with a VNETHeader.
	UMEMOffloads = 1 << 1
)

const (
	// UMEMMaxChain bounds the descriptors of a frame.
	UMEMMaxChain = 48
	// UMEMHeadroom is what a tender may need before a frame.
	UMEMHeadroom = VNETHeaderBytes
	// UMEMMaxFrame bounds the bytes of a frame, VNETHeader included: an IP
	// packet of 64 KiB behind an Ethernet header with two VLAN tags.
	UMEMMaxFrame = VNETHeaderBytes + 14 + 2*4 + 1<<16
)

// VNETHeader says what is left to do for a frame's receiver. Multi-byte fields
// are little-endian. Source: Virtual I/O Device 1.2, section 5.1.6, without
// num_buffers.
type VNETHeader struct {
	// Flags is a set of VNETNeedsChecksum and VNETChecked.
	Flags uint8
	// Kind is VNETNone, VNETTCP4 or VNETTCP6: the frame is to be cut into TCP
	// segments of SegmentBytes, behind HeaderBytes of headers each.
	Kind         uint8
	HeaderBytes  uint16
	SegmentBytes uint16
	// ChecksumStart is where the checksum starts that is missing, and
	// ChecksumOffset where it is to be stored, from there. The place has the
	// sum of the pseudo header.
	ChecksumStart  uint16
	ChecksumOffset uint16
}

// VNETHeaderBytes is the size of VNETHeader.
const VNETHeaderBytes = 10

// VNETHeaderOf is the header that p begins with; of fewer bytes than it has, the
// zero header.
func VNETHeaderOf(p []byte) VNETHeader {
	if len(p) < VNETHeaderBytes {
		return VNETHeader{}
	}
	at := func(i int) uint16 { return uint16(p[i]) | uint16(p[i+1])<<8 }
	return VNETHeader{
		Flags: p[0], Kind: p[1], HeaderBytes: at(2), SegmentBytes: at(4), ChecksumStart: at(6), ChecksumOffset: at(8),
	}
}

// Put stores the header in p, which has room for it.
func (h VNETHeader) Put(p []byte) {
	p = p[:VNETHeaderBytes]
	p[0], p[1] = h.Flags, h.Kind
	for i, v := range [...]uint16{h.HeaderBytes, h.SegmentBytes, h.ChecksumStart, h.ChecksumOffset} {
		p[2+2*i], p[3+2*i] = byte(v), byte(v>>8)
	}
}

// Values of VNETHeader.
const (
	VNETNeedsChecksum = 1
	VNETChecked       = 2

	VNETNone = 0
	VNETTCP4 = 1
	VNETTCP6 = 4
)

// UMEMRing is followed by its slots, UMEMDesc each.
type UMEMRing struct {
	Producer uint32
	_        [60]byte
	Consumer uint32
	_        [60]byte
}

// UMEMDesc is bytes of the UMEM: where they start, in the low 32 bits, and how
// many they are, in the next 16, and UMEMMore or not. The rest is 0. In a fill entry it is room, a
// whole chunk or a part of one; in the others it is a frame.
type UMEMDesc uint64

// UMEMMore says that the frame goes on in the next descriptor.
const UMEMMore UMEMDesc = 1 << 48

// NewUMEMDesc is the descriptor of n bytes at an offset.
func NewUMEMDesc(offset uint32, n uint16) UMEMDesc {
	return UMEMDesc(offset) | UMEMDesc(n)<<32
}

// Offset is where the bytes start.
func (d UMEMDesc) Offset() uint32 { return uint32(d) }

// Len is how many they are.
func (d UMEMDesc) Len() uint16 { return uint16(d >> 32) }
