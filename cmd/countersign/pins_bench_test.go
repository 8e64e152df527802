//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/tree"
)

const (
	workflowFiles = 200
	requestDelay  = 50 * time.Millisecond
)

// A workload is a checkout of workflows and a server that has what they pull in.
type workload struct {
	server       *githubtest.Server
	folder       string
	names        []string
	before, want []string // the texts of the files, and what --write makes of them
}

// An upstream is a repository that workflows pull in.
type upstream struct{ name, commit string }

// version is the newest version of each upstream. Its tag leads to the commit
// directly, through a tag object or through two, by turns.
const version = "v1.2.3"

// newUpstreams makes repositories with the tags v1 and v1.2.3. Nothing but tags
// holds the commit of the first few of them, as many as detached says.
func newUpstreams(server *githubtest.Server, n, detached int) []upstream {
	all := make([]upstream, n)
	for i := range all {
		all[i].name = fmt.Sprintf("acme/widgets-%d", i)
		r := server.Repo(all[i].name)
		if i < detached {
			all[i].commit = r.CommitOn(r.Head("main"), "release")
		} else {
			all[i].commit = r.Commit("main", "release")
			r.Commit("main", "more")
		}
		target := all[i].commit
		for range i % 3 {
			target = r.AnnotatedTag(version, target)
		}
		r.Tag(version, target)
		r.Tag("v1", all[i].commit)
	}
	return all
}

// newWorkload makes 200 workflows, in each of them as many refs as given, in the
// form that the verbs %[1]s (repository) and %[2]s (commit) in ref stand for.
func newWorkload(b *testing.B, server *githubtest.Server, refs int, all []upstream, ref string) *workload {
	b.Helper()
	w := &workload{server: server, folder: b.TempDir()}
	run(b, "git", "init", "-q", w.folder)
	if err := os.MkdirAll(filepath.Join(w.folder, ".github", "workflows"), 0o755); err != nil {
		b.Fatal(err)
	}
	pinned := "%[1]s@%[2]s # " + version
	next := 0
	for i := range workflowFiles {
		var before, want []string
		for range refs {
			u := all[next%len(all)]
			next++
			before = append(before, fmt.Sprintf(ref, u.name, u.commit))
			want = append(want, fmt.Sprintf(pinned, u.name, u.commit))
		}
		w.names = append(w.names, filepath.Join(w.folder, ".github", "workflows", fmt.Sprintf("w%d.yml", i)))
		w.before, w.want = append(w.before, workflowText(i, 0, before)), append(w.want, workflowText(i, 0, want))
	}
	w.restore(b)
	run(b, "git", "-C", w.folder, "add", ".")
	return w
}

// workflowText is a workflow as people write them, with these refs, one a step.
// Where size is not 0 it has that many bytes.
func workflowText(number, size int, refs []string) string {
	var s strings.Builder
	fmt.Fprintf(&s, `# Runs for each change. See CONTRIBUTING.md.
name: Build %d
on:
  push:
    branches: [main, release/v1]
  pull_request:
permissions:
  contents: read
concurrency:
  group: ${{ github.workflow }}-${{ github.ref }}
  cancel-in-progress: true
jobs:
  build:
    strategy:
      fail-fast: false
      matrix:
        os: [ubuntu-latest, macos-latest]
    runs-on: ${{ matrix.os }}
    timeout-minutes: 20
    env:
      CGO_ENABLED: '0'
    steps:
`, number)
	for i, ref := range refs {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&s, "      - uses: %s\n        with:\n          fetch-depth: 0\n          persist-credentials: false\n", ref)
		case 1:
			fmt.Fprintf(&s, "      # What the next steps need.\n      - name: Set up part %d\n        uses: %s\n        with:\n          version: \"1.%d\"\n", i, ref, i)
		case 2:
			fmt.Fprintf(&s, "      - if: github.event_name != 'pull_request'\n        uses: %s\n", ref)
		case 3:
			fmt.Fprintf(&s, "      - name: Part %d\n        id: part%d\n        uses: %s\n        env:\n          TOKEN: ${{ secrets.TOKEN }}\n", i, i, ref)
		}
		if i%2 == 0 {
			fmt.Fprintf(&s, "      - name: Test\n        run: |\n          set -eu\n          go test ./part%d/... # with uses: in it\n          echo \"done: $?\" >>\"$GITHUB_STEP_SUMMARY\"\n\n", i)
		}
	}
	if size > 0 {
		s.WriteString("      - run: |\n")
		for s.Len() < size-80 {
			fmt.Fprintf(&s, "          ./scripts/step --number %d --verbose\n", s.Len())
		}
		s.WriteString("          " + strings.Repeat("#", max(1, size-s.Len()-11)) + "\n")
	}
	return s.String()
}

// restore writes the files as they were before.
func (w *workload) restore(b *testing.B) {
	b.Helper()
	for i, name := range w.names {
		if err := os.WriteFile(name, []byte(w.before[i]), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// pin runs a program in the checkout and returns how long it takes, the number of
// its requests, and how many of the refs are as they are to be.
func (w *workload) pin(b *testing.B, env []string, name string, args ...string) (seconds float64, requests, right int) {
	b.Helper()
	w.restore(b)
	w.server.ResetRequests()
	c := exec.Command(name, args...)
	c.Dir = w.folder
	// None of a runner's own variables, which name another server.
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.folder, "GITHUB_TOKEN=token"}, env...)
	start := time.Now()
	output, err := c.CombinedOutput()
	seconds = time.Since(start).Seconds()
	if err != nil {
		b.Fatalf("%s: %v\n%.2000s", name, err, output)
	}
	for i, name := range w.names {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		right += same(pinText.FindAllString(string(text), -1), pinText.FindAllString(w.want[i], -1))
		if strings.HasSuffix(c.Path, "countersign") && string(text) != w.want[i] {
			b.Fatalf("%s is wrong:\n%s", name, text)
		}
	}
	return seconds, len(w.server.Requests()), right
}

// pinText is a pin, without its comment.
var pinText = regexp.MustCompile(`acme/widgets-\d+@\S+`)

// same counts the places at which two lists have the same.
func same(a, b []string) (n int) {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			n++
		}
	}
	return n
}

// A peer is another program that pins workflows.
type peer struct {
	name  string
	args  []string // before the files
	files bool     // it takes them as arguments
	env   func(*githubtest.Server) []string
}

// peers are those that can be pointed at another server than GitHub's own.
// frizbee cannot: its address of the API is a constant.
var peers = []peer{
	{"pinact", []string{"run"}, false, func(s *githubtest.Server) []string {
		return []string{"GHES_API_URL=" + s.URL(), "GHES_TOKEN=token"}
	}},
	{"ratchet", []string{"pin"}, true, func(s *githubtest.Server) []string {
		return []string{"ACTIONS_BASE_URL=" + s.URL(), "ACTIONS_UPLOAD_URL=" + s.URL(), "ACTIONS_TOKEN=token"}
	}},
}

// BenchmarkPins pins 2,000 refs in 200 workflows, 100 of them distinct, as a
// process, against a server that takes 50 ms for each request. It reports the
// least time and the most requests, and once the same of each peer on PATH.
func BenchmarkPins(b *testing.B) {
	program := filepath.Join(b.TempDir(), "countersign")
	run(b, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	const pinned = "%[1]s@%[2]s # " + version
	for _, test := range []struct {
		name              string
		ref               string
		distinct, inFile  int
		detached          int
		delay             time.Duration
		write, comparable bool
	}{
		{"exact", "%[1]s@" + version, 100, 10, 0, requestDelay, true, true},
		{"major", "%[1]s@v1", 100, 10, 0, requestDelay, true, true},
		{"detached", "%[1]s@" + version, 100, 10, 1, requestDelay, true, false},
		{"detached20", "%[1]s@" + version, 100, 10, 20, requestDelay, true, false},
		{"pinned", pinned, 100, 10, 0, requestDelay, false, false},
		{"many", "%[1]s@v1", 10_000, 50, 0, 0, true, false},
	} {
		b.Run(test.name, func(b *testing.B) {
			server := githubtest.New(b)
			all := newUpstreams(server, test.distinct, test.detached)
			w := newWorkload(b, server, test.inFile, all, test.ref)
			server.SetDelay(test.delay)
			args := []string{"verify", "--check", "pins"}
			if test.write {
				args = append(args, "--write")
			}
			env := []string{"GITHUB_API_URL=" + server.URL(), "GITHUB_GRAPHQL_URL=" + server.GraphQLURL()}
			var times []float64
			most := 0
			for b.Loop() {
				seconds, requests, _ := w.pin(b, env, program, args...)
				times, most = append(times, seconds), max(most, requests)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(slices.Min(times), "s")
			b.ReportMetric(float64(most), "requests")
			for _, p := range peers {
				path, err := exec.LookPath(p.name)
				if err != nil || !test.comparable {
					continue
				}
				args := p.args
				if p.files {
					args = append(slices.Clone(args), w.names...)
				}
				seconds, requests, right := w.pin(b, p.env(server), path, args...)
				b.ReportMetric(seconds, p.name+"-s")
				b.ReportMetric(float64(requests), p.name+"-requests")
				b.ReportMetric(float64(right), p.name+"-right")
			}
		})
	}
}

// BenchmarkFind finds the refs of 10,000 workflows of 2 KB, in turns with `grep
// -r uses:` over the same folder, and reports the least times and their ratio.
func BenchmarkFind(b *testing.B) {
	const files, size, refs = 10_000, 2048, 5
	folder := b.TempDir()
	workflows := filepath.Join(folder, ".github", "workflows")
	if err := os.MkdirAll(workflows, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range files {
		var list []string
		for k := range refs {
			list = append(list, fmt.Sprintf("acme/widgets-%d@v%d", (i+k)%100, k))
		}
		if err := os.WriteFile(filepath.Join(workflows, fmt.Sprintf("w%d.yml", i)), []byte(workflowText(i, size, list)), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	run(b, "git", "init", "-q", folder)
	run(b, "git", "-C", folder, "add", "--intent-to-add", ".") // git lists them, and has no copies to search
	var ours, grep []float64
	for b.Loop() {
		start := time.Now()
		c := exec.Command("grep", "-r", "uses:", workflows)
		var out bytes.Buffer
		c.Stdout = &out
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
		grep = append(grep, time.Since(start).Seconds())

		start = time.Now()
		found := find(b, folder)
		ours = append(ours, time.Since(start).Seconds())
		if found != files*refs {
			b.Fatalf("%d refs were found, not %d", found, files*refs)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(slices.Min(ours)*1e3, "find-ms")
	b.ReportMetric(slices.Min(grep)*1e3, "grep-ms")
	b.ReportMetric(slices.Min(ours)/slices.Min(grep), "ratio")
}

// find counts the refs in a checkout, as `verify --check pins` finds them.
func find(b *testing.B, folder string) int {
	b.Helper()
	t, err := tree.Open(b.Context(), folder)
	if err != nil {
		b.Fatal(err)
	}
	names, err := t.Tracked([]string{"README*.md", ".github/workflows/*.{yml,yaml}", "**/action.{yml,yaml}", ".buildkite/**/*.{yml,yaml}"})
	if err != nil {
		b.Fatal(err)
	}
	var found atomic.Int64
	files := make([]*pin.File, len(names))
	finders := sync.Pool{New: func() any { return new(pin.Finder) }}
	err = t.Each(names, func(i int, name string, text []byte) error {
		finder := finders.Get().(*pin.Finder)
		defer finders.Put(finder)
		f, err := finder.Find(name, text)
		if err != nil {
			return err
		}
		f.Text = bytes.Clone(text)
		files[i] = f
		found.Add(int64(len(f.Refs)))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return int(found.Load())
}

var _ = errors.New
var _ = io.Discard
