//go:build unix

package cli

import "syscall"

// replace replaces this process by a program. It returns only if that fails.
func replace(path string, args, environ []string) (code int, err error) {
	return 0, syscall.Exec(path, args, environ)
}
