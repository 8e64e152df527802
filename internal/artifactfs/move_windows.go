package artifactfs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// renameBetween renames a name in one folder to a name in another. The folders are
// open meanwhile, so what their paths lead to stays the same.
func renameBetween(from *os.Root, name string, to *os.Root, target string) error {
	a, err := from.Open(".")
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := to.Open(".")
	if err != nil {
		return err
	}
	defer b.Close()
	source, err := finalPath(a)
	if err != nil {
		return err
	}
	folder, err := finalPath(b)
	if err != nil {
		return err
	}
	return os.Rename(source+`\`+name, folder+`\`+target)
}

// finalPath returns the path of an open folder, without links (`\\?\C:\…`).
func finalPath(f *os.File) (string, error) {
	buffer := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetFinalPathNameByHandle(windows.Handle(f.Fd()), &buffer[0], uint32(len(buffer)), 0)
	if err != nil {
		return "", os.NewSyscallError("GetFinalPathNameByHandle", err)
	}
	return windows.UTF16ToString(buffer[:min(int(n), len(buffer))]), nil
}

// errOtherDevice is why a rename fails that would go to another file system.
const errOtherDevice = windows.ERROR_NOT_SAME_DEVICE

// isMissing tells whether there is no such file, or a file in place of a folder.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// syncFolder does nothing: Windows has no such call, and writes names through its
// journal.
func syncFolder(*os.Root) error { return nil }

// ours is not asked on Windows.
func ours(fs.FileInfo) bool { return true }

// openLock returns what the users of a folder lock: a file in it, which stays.
func openLock(folder *os.Root) (*os.File, error) {
	return folder.OpenFile(temporary+"lock", os.O_RDWR|os.O_CREATE, 0o600)
}

// lock waits for the lock of an open file. It ends with the process.
func lock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
	return os.NewSyscallError("LockFileEx", err)
}

func unlockFile(f *os.File) {
	_ = windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, new(windows.Overlapped))
}
