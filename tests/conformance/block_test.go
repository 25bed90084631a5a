package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tender/abi"
)

// Transfers at the edges of a disk of 8 sectors. The hvt tender checks the
// range only; the spt tender's filter wants one sector per call.
func TestBlock(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		const size = 4096
		done := func(sector, result, first int) end {
			return end{out: fmt.Sprintf("result %d first %d capacity %d sector %d attached 1", result, first, size, sector)}
		}
		ok := func(first int) end { return done(512, int(abi.ResultOK), first) }
		invalid := func(first int) end { return done(512, int(abi.ResultInval), first) }
		const read, write, none = 0, 1, 0
		const mark = 'w' // what a write has in its buffer
		for _, c := range []struct {
			what          string
			sector        int
			how           int
			offset, bytes uint64
			hvt, spt      end
		}{
			{"first block", 512, read, 0, 512, ok(1), ok(1)},
			{"last block", 512, read, size - 512, 512, ok(8), ok(8)},
			{"write of the last block", 512, write, size - 512, 512, ok(mark), ok(mark)},
			{"at the end", 512, read, size, 512, invalid(none), killed(syscall.SIGSYS)},
			{"write at the end", 512, write, size, 512, invalid(mark), killed(syscall.SIGSYS)},
			{"over the end", 512, read, size - 511, 512, invalid(none), killed(syscall.SIGSYS)},
			{"far behind the end", 512, read, 1 << 62, 512, invalid(none), killed(syscall.SIGSYS)},
			{"end overflows", 512, read, 1<<64 - 512, 512, invalid(none), killed(syscall.SIGSYS)},
			{"offset and length overflow", 512, read, 512, 1<<64 - 1, invalid(none), killed(syscall.SIGSYS)},
			{"one byte less", 512, read, 0, 511, ok(1), killed(syscall.SIGSYS)},
			{"one byte more", 512, read, 0, 513, ok(1), killed(syscall.SIGSYS)},
			{"two blocks", 512, read, 512, 1024, ok(2), killed(syscall.SIGSYS)},
			{"write of two blocks", 512, write, 512, 1024, ok(mark), killed(syscall.SIGSYS)},
			{"unaligned", 512, read, 511, 512, ok(1), ok(1)},
			{"sector of 4096", 4096, read, 0, 4096, done(4096, 0, 1), done(4096, 0, 1)},
		} {
			t.Run(c.what, func(t *testing.T) {
				var data bytes.Buffer
				for i := range size / 512 {
					data.Write(bytes.Repeat([]byte{byte(i + 1)}, 512))
				}
				disk := file(t, "disk", data.Bytes())
				want := c.hvt
				if target == "spt" {
					want = c.spt
				}
				args := []string{"--mem=4", "--block:storage=" + disk}
				if c.sector != 512 {
					args = append(args, fmt.Sprintf("--block-sector-size:storage=%d", c.sector))
				}
				got := run(t, append(args, guest(t, "block", target), fmt.Sprint(c.how), fmt.Sprint(c.offset), fmt.Sprint(c.bytes))...)
				want.compare(t, got)

				expected := data.Bytes()
				if c.how == write && want == ok(mark) {
					clear(expected[c.offset : c.offset+c.bytes])
					expected[c.offset] = mark
				}
				now, err := os.ReadFile(disk)
				check(t, err)
				if !bytes.Equal(now, expected) {
					t.Error("the disk has other contents than it should")
				}
			})
		}
	})
}

// Disks that a tender refuses before the guest starts.
func TestBadDisks(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		image := guest(t, "block", target)
		odd, good := file(t, "odd", make([]byte, 700)), file(t, "good", make([]byte, 4096))
		for _, c := range []struct {
			what string
			args []string
			says string
		}{
			{"not attached", nil, "not attached"},
			{"not declared", []string{"--block:storage=" + good, "--block:other=" + good}, "other"},
			{"of the other type", []string{"--net:storage=lo"}, "storage"},
			{"half a sector", []string{"--block:storage=" + odd}, "block aligned"},
			{"nothing", []string{"--block:storage=" + file(t, "empty", nil)}, "at least 1 block"},
			{"no such file", []string{"--block:storage=" + odd + "x"}, "no such file"},
			{"a folder", []string{"--block:storage=" + t.TempDir()}, "directory"},
			{"sector of 521", []string{"--block:storage=" + good, "--block-sector-size:storage=521"}, "512"},
			{"sector of 256", []string{"--block:storage=" + good, "--block-sector-size:storage=256"}, "512"},
			{"sector larger than the file", []string{"--block:storage=" + good, "--block-sector-size:storage=8192"}, "block"},
		} {
			got := run(t, append(append([]string{"--mem=4"}, c.args...), image, "0", "0", "512")...)
			if want := refused(c.says); got.status != want.status || got.out != "" || got.err == "" {
				t.Errorf("%s: %+v", c.what, got)
			} else {
				want.compare(t, got)
			}
		}
	})
}

// As many devices as a manifest can have.
func TestManyDisks(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		dir := t.TempDir()
		var args []string
		path := func(i int) string { return filepath.Join(dir, fmt.Sprintf("disk%d", i)) }
		for i := 1; i <= abi.MaxDevices; i++ {
			check(t, os.WriteFile(path(i), append([]byte{byte(i)}, make([]byte, 511)...), 0o644))
			args = append(args, fmt.Sprintf("--block:disk%d=%s", i, path(i)))
		}
		success.compare(t, run(t, append(args, "--mem=4", guest(t, "disks", target))...))
		for i := 1; i <= abi.MaxDevices; i++ {
			data, err := os.ReadFile(path(i))
			check(t, err)
			if len(data) != 512 || data[0] != byte(i) || data[511] != 'w' {
				t.Errorf("disk %d was not written", i)
			}
		}
	})
}
