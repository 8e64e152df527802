//go:build unix

package artifactfs

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// renameBetween renames a name in one folder to a name in another. Neither is
// followed where it is a link.
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
	return os.NewSyscallError("renameat", unix.Renameat(int(a.Fd()), name, int(b.Fd()), target))
}

// errOtherDevice is why a rename fails that would go to another file system.
const errOtherDevice = syscall.EXDEV

// isMissing tells whether there is no such file, or a file in place of a folder.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// syncFolder makes the names in a folder last.
func syncFolder(folder *os.Root) error {
	f, err := folder.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ours tells whether a file belongs to the user of this process.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// openLock returns what the users of a folder lock: the folder itself, so that
// nothing lies there for it.
func openLock(folder *os.Root) (*os.File, error) { return folder.Open(".") }

// lock waits for the lock of an open file. It ends with the process.
func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("flock", err)
		}
	}
}

func unlockFile(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }
