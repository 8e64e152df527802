package cli

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/worker"
)

// A program runs commands in this process.
type program struct {
	env    map[string]string
	client *http.Client
}

func (p program) run(args ...string) (code int, stdout, stderr string) {
	return p.runIn(Env{}, args...)
}

// runIn is run with what the given one has of a clock and of what is for hook.
func (p program) runIn(given Env, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	var environ []string
	for name, value := range p.env {
		environ = append(environ, name+"="+value)
	}
	env := Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, Environ: environ, Now: time.Now, HTTP: p.client,
		Clearenv: func() {}, Sleep: func(time.Duration) {}, EndRunner: func(string) (int, error) { return 0, worker.ErrNoRunner },
	}
	if given.Now != nil {
		env.Now, env.Clearenv, env.Sleep, env.EndRunner = given.Now, given.Clearenv, given.Sleep, given.EndRunner
	}
	code = Main(args, env)
	return code, out.String(), err.String()
}
