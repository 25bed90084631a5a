// Package datapath moves frames between network devices and the rings of a
// UMEM, the memory that a guest shares with its tender: see abi.UMEMHeader. One
// thread serves all devices of a guest; under load it makes one system call for
// a batch of frames, and when idle it sleeps.
//
// All of the UMEM is the guest's to write at any time. What the tender needs to
// remember it keeps on its own side; an index or a descriptor is loaded once
// and checked before use. A guest that breaks the rules of the rings loses its
// frames, or is ended with a *BreachError; it never reaches memory outside of
// the UMEM's chunks, or makes the tender fail.
package datapath
