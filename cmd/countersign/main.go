// Command countersign signs what a CI run may do, checks it before anything
// runs, and refuses what does not hold.
package main

import (
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/countersign-ci/countersign/internal/cli"
	"github.com/countersign-ci/countersign/internal/worker"
)

func main() {
	// A reader that goes away is to make a write fail, which ends with 3 and takes
	// the outputs back; without a receiver the signal would end the process first.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(cli.Main(os.Args[1:], cli.Env{
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Environ:   os.Environ(),
		Now:       time.Now,
		HTTP:      http.DefaultClient,
		Clearenv:  os.Clearenv,
		EndRunner: worker.EndRunner,
		Sleep:     time.Sleep,
	}))
}
