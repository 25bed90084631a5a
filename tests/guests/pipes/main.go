// Pipes sends data through os.Pipe, between goroutines that wait for each
// other, with deadlines and without a reader.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
}

func must[T any](v T, err error) T {
	check(err == nil, "%v", err)
	return v
}

func pipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	check(err == nil, "%v", err)
	return r, w
}

func main() {
	r, w := pipe()
	const size = 4 << 20
	sent := make(chan [32]byte)
	go func() {
		h := sha256.New()
		buf := make([]byte, 100_000)
		for left := size; left > 0; {
			n := min(left, len(buf))
			for i := range n {
				buf[i] = byte(left + i*7)
			}
			h.Write(buf[:n])
			must(w.Write(buf[:n]))
			left -= n
		}
		w.Close()
		sent <- [32]byte(h.Sum(nil))
	}()
	h := sha256.New()
	check(must(io.Copy(h, r)) == size, "not all came")
	check([32]byte(h.Sum(nil)) == <-sent, "what came is not what was sent")

	r, w = pipe()
	start := time.Now()
	r.SetReadDeadline(start.Add(20 * time.Millisecond))
	_, err := r.Read(make([]byte, 1))
	check(errors.Is(err, os.ErrDeadlineExceeded) && time.Since(start) >= 20*time.Millisecond, "deadline: %v", err)
	r.SetReadDeadline(time.Time{})
	time.AfterFunc(20*time.Millisecond, func() { r.Close() })
	_, err = r.Read(make([]byte, 1))
	check(errors.Is(err, os.ErrClosed), "closed while reading: %v", err)
	_, err = w.Write([]byte("x"))
	check(errors.Is(err, syscall.EPIPE), "no reader: %v", err)
	w.Close()

	// Blocking descriptors hold their threads, not the program.
	var fds [2]int
	check(syscall.Pipe(fds[:]) == nil, "pipe")
	got := make(chan string)
	go func() {
		buf := make([]byte, 100)
		n := must(syscall.Read(fds[0], buf))
		got <- string(buf[:n])
	}()
	time.Sleep(20 * time.Millisecond)
	must(syscall.Write(fds[1], []byte("blocked")))
	check(<-got == "blocked", "a blocking read")

	// Many at once, and all descriptors come back.
	for range 3 {
		var files []*os.File
		for range 1000 {
			r, w := pipe()
			files = append(files, r, w)
		}
		go func() {
			for i := 1; i < len(files); i += 2 {
				fmt.Fprint(files[i], i)
				files[i].Close()
			}
		}()
		for i := 0; i < len(files); i += 2 {
			check(string(must(io.ReadAll(files[i]))) == fmt.Sprint(i+1), "pipe %d", i)
			files[i].Close()
		}
	}
	fd := must(syscall.Dup(1))
	check(fd < 20, "descriptor %d after all were closed", fd)
	fmt.Println("ok")
}
