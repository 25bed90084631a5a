package confine

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors that others close meanwhile are no reason to fail.
func TestDescriptorsClose(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			var fds [16]int
			for i := range fds {
				fds[i], _ = unix.Eventfd(0, unix.EFD_CLOEXEC)
			}
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}()
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		if _, err := anonymous(); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	<-stopped
}
