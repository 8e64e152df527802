package worker

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock waits for the lock of an open file, which closing it lifts. What is locked
// is a byte far behind the end, so that the file can be read meanwhile.
func lock(f *os.File) error {
	far := windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &far)
	return os.NewSyscallError("LockFileEx", err)
}
