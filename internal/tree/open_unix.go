//go:build unix && !aix && !solaris

package tree

import "syscall"

// A file is a descriptor. For many small files the bookkeeping of os.File takes
// as long as reading them, and O_NOFOLLOW spares a look at each.
type file int

// open opens a regular file and returns its size. It does not wait for the other
// end of a pipe.
func open(path string) (file, int64, error) {
	const flags = syscall.O_RDONLY | syscall.O_CLOEXEC | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	for {
		fd, err := syscall.Open(path, flags, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		var stat syscall.Stat_t
		if err := syscall.Fstat(fd, &stat); err != nil {
			syscall.Close(fd)
			return 0, 0, err
		}
		if stat.Mode&syscall.S_IFMT != syscall.S_IFREG {
			syscall.Close(fd)
			return 0, 0, errIrregular
		}
		return file(fd), stat.Size, nil
	}
}

// Read reads as read(2) does: the end of the file is 0 bytes.
func (f file) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(f), b)
		if err == syscall.EINTR {
			continue
		}
		return max(n, 0), err
	}
}

func (f file) Close() error { return syscall.Close(int(f)) }
