package block

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// The guest reads, writes, and tries all that is out of range, with each size
// of blocks.
func TestSectors(t *testing.T) {
	const blocks = 64
	for _, on := range []string{"file", "block device"} {
		for _, size := range []int{512, 1024, 4096, 32768} {
			for _, sync := range []string{"on", "off"} {
				t.Run(fmt.Sprintf("%s/%d/%s", on, size, sync), func(t *testing.T) {
					eachTender(t, func(t *testing.T, start []string) {
						data := make([]byte, blocks*size)
						for i := range blocks {
							data[i*size] = byte(i)
						}
						path := file(t, t.TempDir(), 0)
						check(t, os.WriteFile(path, data, 0o600))
						backing := path
						if on != "file" {
							backing = loop(t, path)
						}
						run(t, disk, start, "--block:disk="+backing, fmt.Sprintf("--block-sector-size:disk=%d", size), "--block-sync:disk="+sync).
							must(t, 0, fmt.Sprintf("%d %d\nok\n", blocks*size, size), "")
						got, err := os.ReadFile(path)
						check(t, err)
						copy(data[3*size:], bytes.Repeat([]byte("written by guest"), size/8))
						if !bytes.Equal(got, data) {
							t.Error("the file does not hold what the guest has written")
						}
					})
				})
			}
		}
	}
}
