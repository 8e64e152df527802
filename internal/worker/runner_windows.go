package worker

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// look takes a snapshot of all processes. An id is not given to another process
// while a handle is open, but a process keeps the id of a parent that has ended.
func (machine) look(pid int) (process, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return process{}, err
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if entry.ProcessID == uint32(pid) {
			started, err := started(entry.ProcessID)
			return process{int(entry.ParentProcessID), started, windows.UTF16ToString(entry.ExeFile[:])}, err
		}
	}
	if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		err = errGone
	}
	return process{}, err
}

// started returns when a process started, in units of 100 ns.
func started(pid uint32) (int64, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return 0, errGone
	}
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(h)
	var creation, exit, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &creation, &exit, &kernel, &user); err != nil {
		return 0, err
	}
	return int64(creation.HighDateTime)<<32 | int64(creation.LowDateTime), nil
}
