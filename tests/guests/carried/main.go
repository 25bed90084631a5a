// Carried lists the files that its image carries, and what is in them.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	err := filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == "/dev" || path == "/proc":
			return fs.SkipDir
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			fmt.Println(path, "->", target)
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			fmt.Println(path, info.Mode())
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Printf("%s %v %d %q\n", path, info.Mode(), info.ModTime().Unix(), data[:min(len(data), 10)])
		return err
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	// The tree can be written to, and the image's copy is not touched.
	for _, arg := range os.Args[1:] {
		if err := os.WriteFile(arg, []byte("written"), 0o600); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		data, err := os.ReadFile(arg)
		fmt.Printf("%s %q %v\n", arg, data, err)
	}
}
