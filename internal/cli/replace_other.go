//go:build !unix

package cli

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// replace runs a program in place of this process, which is there until the
// program ends, and returns the program's exit code. An interrupt reaches the
// program too, which decides what becomes of it.
func replace(path string, args, environ []string) (code int, err error) {
	// Windows ends a process that ignores it: it has to be received.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	c := exec.Command(path)
	c.Args, c.Env = args, environ
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
