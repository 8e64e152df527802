// Command countersign signs what a CI run may do, checks it before anything
// runs, and refuses what does not hold.
package main

import (
	"net/http"
	"os"
	"time"

	"github.com/countersign-ci/countersign/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Env{
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
		Now:    time.Now,
		HTTP:   http.DefaultClient,
	}))
}
