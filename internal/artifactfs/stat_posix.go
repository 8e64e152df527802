//go:build unix && !darwin && !freebsd && !netbsd

package artifactfs

import "syscall"

func changeTime(s *syscall.Stat_t) syscall.Timespec { return s.Ctim }
