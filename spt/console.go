package spt

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// console is what the guest's descriptor 1 is: a file of the caller's, or the
// end of a pipe that a goroutine copies from.
type console struct {
	fd int
	// file is closed when the process has it.
	file *os.File
	// reader is the other end of the pipe, nil for a file.
	reader *os.File
	writer io.Writer
}

func newConsole(w io.Writer) (*console, error) {
	if w == nil {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("cannot open a console that discards: %w", err)
		}
		return &console{fd: int(null.Fd()), file: null}, nil
	}
	if f, ok := w.(*os.File); ok {
		// Fd makes the file block, as the guest needs it to.
		fd := int(f.Fd())
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return nil, fmt.Errorf("the console is not open: %w", err)
		}
		return &console{fd: fd}, nil
	}
	r, file, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot create a pipe for the console: %w", err)
	}
	return &console{fd: int(file.Fd()), file: file, reader: r, writer: w}, nil
}

// started closes the process's end, so that the pipe ends with the process.
func (c *console) started() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

// copy passes output on until the process is gone, or writing fails.
func (c *console) copy() error {
	if c.reader == nil {
		return nil
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := c.reader.Read(buf)
		if n > 0 {
			written, err := c.writer.Write(buf[:n])
			if err == nil && written < n {
				err = io.ErrShortWrite
			}
			if err != nil {
				return fmt.Errorf("cannot write the guest's output to the console: %w", err)
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("cannot read the guest's output: %w", err)
		}
	}
}

func (c *console) close() error {
	err := c.started()
	if c.reader != nil {
		err = errors.Join(err, c.reader.Close())
		c.reader = nil
	}
	return err
}
