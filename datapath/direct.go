package datapath

import "golang.org/x/sys/unix"

// Frames that are moved without the io_uring: by a system call each, or in memory.
// Results are what io_uring would have said.

func (p *port) write(frame []byte) int32 {
	if p.batcher != nil {
		return outcome(len(frame), p.batcher.QueueFrame(frame))
	}
	return outcome(unix.Write(p.fd, frame))
}

func (p *port) read(room []byte) int32 {
	if p.batcher != nil {
		return outcome(p.batcher.ReadFrame(room))
	}
	return outcome(unix.Read(p.fd, room))
}

// enough is how many frames are worth a system call. Fewer wait for the next round.
const enough = 128

// flush sends what write has left to be sent, once there is enough of it or a round
// had none.
func (p *port) flush() {
	if p.batcher == nil {
		return
	}
	p.queued += p.nsend
	if p.queued >= enough || p.nsend == 0 && (p.queued > 0 || p.left) {
		p.left = p.batcher.Flush()
		p.queued = 0
	}
}

// outcome is bytes, or a negative errno.
func outcome(n int, err error) int32 {
	if errno, ok := err.(unix.Errno); ok {
		return -int32(errno)
	}
	return int32(n)
}
