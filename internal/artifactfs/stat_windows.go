package artifactfs

import (
	"io/fs"
	"os"
	"syscall"
)

// A fileID tells files apart that exist at the same time.
type fileID struct{ device, number uint64 }

func identify(f *os.File, _ fs.FileInfo) (fileID, error) {
	var i syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &i); err != nil {
		return fileID{}, os.NewSyscallError("GetFileInformationByHandle", err)
	}
	return fileID{uint64(i.VolumeSerialNumber), uint64(i.FileIndexHigh)<<32 | uint64(i.FileIndexLow)}, nil
}

// statusChanged is for systems that tell when a file's status was changed.
func statusChanged(fs.FileInfo, fs.FileInfo) bool { return false }
