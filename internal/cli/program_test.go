package cli

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// A program runs commands in this process.
type program struct {
	env    map[string]string
	client *http.Client
}

func (p program) run(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(args, Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err,
		Getenv: func(name string) string { return p.env[name] }, Now: time.Now, HTTP: p.client,
	})
	return code, out.String(), err.String()
}
