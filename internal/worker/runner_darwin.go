package worker

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"
)

// look asks the kernel. The name that it keeps is the executable's, cut off after
// 16 bytes. macOS has no handles for processes: between a look and a kill, some
// microseconds, an id could come to mean another process.
func (machine) look(pid int) (process, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if errors.Is(err, unix.EIO) { // the answer is empty
		return process{}, errGone
	}
	if err != nil {
		return process{}, err
	}
	name, _, _ := bytes.Cut(info.Proc.P_comm[:], []byte{0})
	started := info.Proc.P_starttime
	return process{int(info.Eproc.Ppid), started.Sec*1e6 + int64(started.Usec), string(name)}, nil
}
