package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// look reads /proc/PID/stat, of which proc_pid_stat(5) tells, and the link exe.
func (machine) look(pid int) (process, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	if pid == os.Getpid() {
		// In the /proc of another PID namespace all ids mean other processes.
		if self, err := os.Readlink("/proc/self"); err != nil || "/proc/"+self != dir {
			return process{}, fmt.Errorf("/proc does not know this process as %d: %q, %v", pid, self, err)
		}
	}
	stat, err := os.ReadFile(dir + "/stat")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return process{}, errGone
	}
	if err != nil {
		return process{}, err
	}
	p, err := parseStat(stat)
	if err != nil {
		return process{}, err
	}
	// Another user's link may not be read; then the name in stat counts, which is
	// cut off after 15 bytes and which a process can change for itself.
	if exe, err := os.Readlink(dir + "/exe"); err == nil {
		// A runner that updated itself has removed what it was started from.
		p.name = strings.TrimSuffix(path.Base(exe), " (deleted)")
	}
	return p, nil
}

// parseStat takes the name (field 2), the parent (4) and the start (22, in clock
// ticks since the system started) out of a line such as
//
//	42 (Runner.Worker) S 41 …
//
// The name may hold spaces, brackets and line ends, so it goes to the last bracket.
func parseStat(stat []byte) (process, error) {
	from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if from < 0 || to < from {
		return process{}, fmt.Errorf("%.100q tells of no process", stat)
	}
	fields := strings.Fields(string(stat[to+1:])) // from field 3 on
	if len(fields) < 20 {
		return process{}, fmt.Errorf("%.100q tells of no process", stat)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return process{}, err
	}
	started, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return process{}, err
	}
	return process{parent, started, string(stat[from+1 : to])}, nil
}

// tell appends a line to the standard error of a process, if it can be written at
// once: nothing hangs on it.
func tell(pid int, reason string) {
	fd, err := syscall.Open(fmt.Sprintf("/proc/%d/fd/2", pid), syscall.O_WRONLY|syscall.O_APPEND|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_, _ = syscall.Write(fd, []byte(reason+"\n"))
	_ = syscall.Close(fd)
}
