package abi

import (
	"testing"
	"unsafe"
)

// The numbers are those of the Solo5 fact sheet, sections 1.5, 1.6, 2.4, 2.5,
// 2.6 and 3.2.
func TestLayout(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want uintptr
	}{
		{"ABINote", unsafe.Sizeof(ABINote{}), 16},
		{"ABINote.Version", unsafe.Offsetof(ABINote{}.Version), 4},
		{"TenderNote", unsafe.Sizeof(TenderNote{}), 56},
		{"TenderNote.FaultEntry", unsafe.Offsetof(TenderNote{}.FaultEntry), 8},
		{"TenderNote.SignalEntry", unsafe.Offsetof(TenderNote{}.SignalEntry), 16},
		{"TenderNote.SignalStackBytes", unsafe.Offsetof(TenderNote{}.SignalStackBytes), 32},
		{"TenderNote.UMEM", unsafe.Offsetof(TenderNote{}.UMEM), 48},
		{"UMEMHeader", unsafe.Sizeof(UMEMHeader{}), 192},
		{"UMEMHeader.ChunksOffset", unsafe.Offsetof(UMEMHeader{}.ChunksOffset), 24},
		{"UMEMHeader.DoorbellFD", unsafe.Offsetof(UMEMHeader{}.DoorbellFD), 32},
		{"UMEMHeader.Gone", unsafe.Offsetof(UMEMHeader{}.Gone), 40},
		{"UMEMHeader.TenderSleeps", unsafe.Offsetof(UMEMHeader{}.TenderSleeps), 64},
		{"UMEMHeader.GuestSleeps", unsafe.Offsetof(UMEMHeader{}.GuestSleeps), 128},
		{"UMEMPort", unsafe.Sizeof(UMEMPort{}), 40},
		{"UMEMRing", unsafe.Sizeof(UMEMRing{}), 128},
		{"TenderNote.Events", unsafe.Offsetof(TenderNote{}.Events), TenderNoteMinSize},
		{"Events", unsafe.Sizeof(Events{}), 80},
		{"Events.Tick", unsafe.Offsetof(Events{}.Tick), 40},
		{"Events.Stop", unsafe.Offsetof(Events{}.Stop), 48},
		{"Events.RIP", unsafe.Offsetof(Events{}.RIP), 56},
		{"Events.RFLAGS", unsafe.Offsetof(Events{}.RFLAGS), 64},
		{"Events.HeapAt", unsafe.Offsetof(Events{}.HeapAt), 72},
		{"ManifestHeader", unsafe.Sizeof(ManifestHeader{}), 8},
		{"ManifestEntry", unsafe.Sizeof(ManifestEntry{}), 104},
		{"ManifestEntry.Type", unsafe.Offsetof(ManifestEntry{}.Type), 68},
		{"ManifestEntry.Info", unsafe.Offsetof(ManifestEntry{}.Info), 72},
		{"ManifestEntry.Backend", unsafe.Offsetof(ManifestEntry{}.Backend), 88},
		{"ManifestEntry.Attached", unsafe.Offsetof(ManifestEntry{}.Attached), 96},
		{"BlockInfo", unsafe.Sizeof(BlockInfo{}), 16},
		{"BlockInfo.BlockBytes", unsafe.Offsetof(BlockInfo{}.BlockBytes), 8},
		{"NetInfo", unsafe.Sizeof(NetInfo{}), 16},
		{"NetInfo.MTU", unsafe.Offsetof(NetInfo{}.MTU), 6},
		{"HVTBoot", unsafe.Sizeof(HVTBoot{}), 56},
		{"HVTBoot.KernelEnd", unsafe.Offsetof(HVTBoot{}.KernelEnd), 8},
		{"HVTBoot.CycleHz", unsafe.Offsetof(HVTBoot{}.CycleHz), 16},
		{"HVTBoot.Cmdline", unsafe.Offsetof(HVTBoot{}.Cmdline), 24},
		{"HVTBoot.Manifest", unsafe.Offsetof(HVTBoot{}.Manifest), 32},
		{"HVTBoot.HostFeatures", unsafe.Offsetof(HVTBoot{}.HostFeatures), 40},
		{"HVTBoot.GuestFeatures", unsafe.Offsetof(HVTBoot{}.GuestFeatures), 44},
		{"HVTBoot.NetRing", unsafe.Offsetof(HVTBoot{}.NetRing), 48},
		{"SPTBoot", unsafe.Sizeof(SPTBoot{}), 40},
		{"SPTBoot.EpollFD", unsafe.Offsetof(SPTBoot{}.EpollFD), 32},
		{"SPTBoot.TimerFD", unsafe.Offsetof(SPTBoot{}.TimerFD), 36},
		{"WalltimeArgs", unsafe.Sizeof(WalltimeArgs{}), 8},
		{"PutsArgs", unsafe.Sizeof(PutsArgs{}), 16},
		{"PollArgs", unsafe.Sizeof(PollArgs{}), 24},
		{"PollArgs.Ret", unsafe.Offsetof(PollArgs{}.Ret), 16},
		{"BlockArgs", unsafe.Sizeof(BlockArgs{}), 40},
		{"BlockArgs.Ret", unsafe.Offsetof(BlockArgs{}.Ret), 32},
		{"NetArgs", unsafe.Sizeof(NetArgs{}), 32},
		{"NetArgs.Len", unsafe.Offsetof(NetArgs{}.Len), 16},
		{"NetArgs.Ret", unsafe.Offsetof(NetArgs{}.Ret), 24},
		{"HaltArgs", unsafe.Sizeof(HaltArgs{}), 16},
		{"HaltArgs.Status", unsafe.Offsetof(HaltArgs{}.Status), 8},
		{"FaultRecord", unsafe.Sizeof(FaultRecord{}), 48},
		{"FaultRecord.CR2", unsafe.Offsetof(FaultRecord{}.CR2), 40},
		{"NetRing", unsafe.Sizeof(NetRing{}), 49280},
		{"NetRing.ComHead", unsafe.Offsetof(NetRing{}.ComHead), 4},
		{"NetRing.EntHead", unsafe.Offsetof(NetRing{}.EntHead), 64},
		{"NetRing.ComTail", unsafe.Offsetof(NetRing{}.ComTail), 68},
		{"NetRing.NeedsKick", unsafe.Offsetof(NetRing{}.NeedsKick), 72},
		{"NetRing.Entries", unsafe.Offsetof(NetRing{}.Entries), 128},
		{"NetRing.Commits", unsafe.Offsetof(NetRing{}.Commits), 32896},
		{"NetRingEntry", unsafe.Sizeof(NetRingEntry{}), 32},
		{"NetRingEntry.Handle", unsafe.Offsetof(NetRingEntry{}.Handle), 4},
		{"NetRingEntry.Data", unsafe.Offsetof(NetRingEntry{}.Data), 8},
		{"NetRingEntry.Len", unsafe.Offsetof(NetRingEntry{}.Len), 16},
		{"NetRingEntry.ID", unsafe.Offsetof(NetRingEntry{}.ID), 20},
		{"NetRingCommit", unsafe.Sizeof(NetRingCommit{}), 16},
		{"NetRingCommit.Ret", unsafe.Offsetof(NetRingCommit{}.Ret), 4},
		{"NetRingCommit.Len", unsafe.Offsetof(NetRingCommit{}.Len), 8},
		{"ManifestNoteMaxDesc", ManifestNoteMaxDesc, 6668},
		{"manifest copy", HVTBootInfo + unsafe.Sizeof(HVTBoot{}), 0x10038},
		{"spt manifest copy", SPTBootInfo + unsafe.Sizeof(SPTBoot{}), 0x11028},
	} {
		if c.got != c.want {
			t.Errorf("%s = %d, want %d", c.what, c.got, c.want)
		}
	}
}
