//go:build unix

package main

import (
	"bytes"
	"fmt"
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
	pinnedFiles  = 200
	requestDelay = 50 * time.Millisecond
)

// The forms of a ref, of a repository and its commit.
const (
	exactRef  = "%[1]s@v1.2.3"
	majorRef  = "%[1]s@v1"
	pinnedRef = "%[1]s@%[2]s # v1.2.3"
)

// BenchmarkPins checks or pins the refs of 200 workflows with a server that takes
// 50 ms for each request. It reports the shortest time of the process and the
// most requests, and beside it, once, those of each peer on PATH.
func BenchmarkPins(b *testing.B) {
	program := filepath.Join(b.TempDir(), "countersign")
	run(b, "../../scripts/build", program)
	for _, test := range []struct {
		name             string
		ref              string
		distinct, inFile int           // refs
		detached         int           // of the distinct ones, commits that only tags hold
		delay            time.Duration // of a request
		write, peers     bool
	}{
		{name: "exact", ref: exactRef, distinct: 100, inFile: 10, delay: requestDelay, write: true, peers: true},
		{name: "major", ref: majorRef, distinct: 100, inFile: 10, delay: requestDelay, write: true, peers: true},
		{name: "detached", ref: exactRef, distinct: 100, inFile: 10, detached: 1, delay: requestDelay, write: true},
		{name: "twenty", ref: exactRef, distinct: 100, inFile: 10, detached: 20, delay: requestDelay, write: true},
		{name: "pinned", ref: pinnedRef, distinct: 100, inFile: 10, delay: requestDelay},
		{name: "many", ref: majorRef, distinct: 10_000, inFile: 50, write: true},
	} {
		b.Run(test.name, func(b *testing.B) {
			server := githubtest.New(b)
			w := newWorkload(b, server, newUpstreams(server, test.distinct, test.detached), test.inFile, test.ref)
			server.SetDelay(test.delay)
			args := []string{"verify", "--check", "pins"}
			if test.write {
				args = append(args, "--write")
			}
			env := []string{"GITHUB_API_URL=" + server.URL(), "GITHUB_GRAPHQL_URL=" + server.GraphQLURL(), "GITHUB_TOKEN=token"}
			var times []float64
			most := 0
			for b.Loop() {
				seconds, requests, err := w.measure(b, env, program, args...)
				if err != nil {
					b.Fatal(err)
				}
				for i, text := range w.texts(b) {
					if text != w.want[i] {
						b.Fatalf("%s became\n%s", w.names[i], text)
					}
				}
				times, most = append(times, seconds), max(most, requests)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(slices.Min(times), "s")
			b.ReportMetric(float64(most), "requests")
			b.ReportMetric(float64(pinnedFiles*test.inFile), "right") // all, or it would have failed
			if test.peers {
				w.measurePeers(b, test.distinct)
			}
		})
	}
}

// An upstream is a repository that workflows pull in.
type upstream struct{ name, commit string }

// newUpstreams makes repositories, each with one commit that has the tags v1 and
// v1.2.3, the second by turns directly, through a tag object, and through two.
// The commits of the first are on no branch, as many as detached says.
func newUpstreams(server *githubtest.Server, n, detached int) []upstream {
	all := make([]upstream, n)
	for i := range all {
		name := fmt.Sprintf("acme/widgets-%d", i)
		r := server.Repo(name)
		commit := r.CommitOn(r.Head("main"), "release")
		if i >= detached {
			r.Branch("main", r.CommitOn(commit, "more"))
		}
		target := commit
		for range i % 3 {
			target = r.AnnotatedTag("v1.2.3", target)
		}
		r.Tag("v1.2.3", target)
		r.Tag("v1", commit)
		all[i] = upstream{name, commit}
	}
	return all
}

// A workload is a git checkout of workflows and a server that has what they pull
// in.
type workload struct {
	server       *githubtest.Server
	folder       string
	names        []string // in the folder
	before, want []string // the texts
}

// newWorkload makes workflows with so many refs in each, all of the form ref.
func newWorkload(b *testing.B, server *githubtest.Server, all []upstream, inFile int, ref string) *workload {
	b.Helper()
	w := &workload{server: server, folder: b.TempDir()}
	next := 0
	for i := range pinnedFiles {
		var before, want []string
		for range inFile {
			u := all[next%len(all)]
			before, want = append(before, fmt.Sprintf(ref, u.name, u.commit)), append(want, fmt.Sprintf(pinnedRef, u.name, u.commit))
			next++
		}
		w.names = append(w.names, fmt.Sprintf(".github/workflows/w%d.yml", i))
		w.before, w.want = append(w.before, workflowText(i, before)), append(w.want, workflowText(i, want))
	}
	if err := os.MkdirAll(filepath.Join(w.folder, ".github", "workflows"), 0o755); err != nil {
		b.Fatal(err)
	}
	w.restore(b)
	run(b, "git", "init", "-q", w.folder)
	run(b, "git", "-C", w.folder, "add", ".")
	return w
}

// restore writes the files as they were at first.
func (w *workload) restore(b *testing.B) {
	b.Helper()
	for i, name := range w.names {
		if err := os.WriteFile(filepath.Join(w.folder, name), []byte(w.before[i]), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// texts returns the files as they are now.
func (w *workload) texts(b *testing.B) []string {
	b.Helper()
	texts := make([]string, len(w.names))
	for i, name := range w.names {
		text, err := os.ReadFile(filepath.Join(w.folder, name))
		if err != nil {
			b.Fatal(err)
		}
		texts[i] = string(text)
	}
	return texts
}

// measure runs a program in the checkout and returns how long it took, and the
// number of its requests.
func (w *workload) measure(b *testing.B, env []string, name string, args ...string) (seconds float64, requests int, err error) {
	b.Helper()
	w.restore(b)
	w.server.ResetRequests()
	c := exec.Command(name, args...)
	c.Dir = w.folder
	// Nothing else: a runner's own variables name another server.
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.TempDir()}, env...)
	start := time.Now()
	output, err := c.CombinedOutput()
	seconds = time.Since(start).Seconds()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%.1000s", filepath.Base(name), err, output)
	}
	return seconds, len(w.server.Requests()), err
}

// measurePeers measures other programs that pin workflows, where they are on PATH,
// and counts the pins that they get right.
func (w *workload) measurePeers(b *testing.B, distinct int) {
	peers := *w
	peers.server = githubtest.New(lenient{b})
	newUpstreams(peers.server, distinct, 0)
	peers.server.SetDelay(requestDelay)
	all := otherPinners(b, peers.server)
	for _, peer := range all {
		if peer.name == "ratchet" {
			peer.name, peer.write = "ratchet-16", append(peer.write, "-concurrency", "16")
			all = append(all, peer)
		}
	}
	for _, peer := range all {
		args := slices.Clone(peer.write)
		switch {
		case peer.files:
			args = append(args, w.names...)
		case peer.folder:
			args = append(args, ".github/workflows")
		}
		seconds, requests, err := peers.measure(b, peer.env, peer.program, args...)
		if err != nil {
			b.Error(err)
			continue
		}
		right := 0
		for i, text := range w.texts(b) {
			got, want := pinText.FindAllString(text, -1), pinText.FindAllString(w.want[i], -1)
			for k := range min(len(got), len(want)) {
				if got[k] == want[k] {
					right++
				}
			}
		}
		b.ReportMetric(seconds, peer.name+"-s")
		b.ReportMetric(float64(requests), peer.name+"-requests")
		b.ReportMetric(float64(right), peer.name+"-right")
	}
}

var pinText = regexp.MustCompile(`uses: acme/widgets-\d+@\S+`)

// BenchmarkFind finds the refs of 10,000 workflows of 2 KB, in turns with `grep -r
// uses:` over the same files, and reports the shortest times.
func BenchmarkFind(b *testing.B) {
	const files, size, inFile = 10_000, 2048, 5
	folder := b.TempDir()
	workflows := filepath.Join(folder, ".github", "workflows")
	if err := os.MkdirAll(workflows, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range files {
		var refs []string
		for k := range inFile {
			refs = append(refs, fmt.Sprintf("acme/widgets-%d@v%d", (i+k)%100, k))
		}
		text := []byte(workflowText(i, refs))
		text = append(text, "      # "+strings.Repeat(".", size-len(text)-9)+"\n"...)
		if err := os.WriteFile(filepath.Join(workflows, fmt.Sprintf("w%d.yml", i)), text, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	run(b, "git", "init", "-q", folder)
	run(b, "git", "-C", folder, "add", "--intent-to-add", ".")
	var ours, theirs []float64
	for b.Loop() {
		start := time.Now()
		output := run(b, "grep", "-r", "uses:", workflows)
		theirs = append(theirs, time.Since(start).Seconds())
		if lines := strings.Count(output, "\n"); lines < files*inFile {
			b.Fatalf("grep found %d lines", lines)
		}
		start = time.Now()
		found := find(b, folder)
		ours = append(ours, time.Since(start).Seconds())
		if found != files*inFile {
			b.Fatalf("%d refs were found", found)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(slices.Min(ours)*1e3, "ms")
	b.ReportMetric(slices.Min(theirs)*1e3, "grep-ms")
}

// find counts the refs of a checkout, which it finds as `verify --check pins` does.
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

// workflowText is a workflow as people write them, with these refs, one a step.
// One in fifty has a step in flow style, for which the YAML parser is needed.
func workflowText(number int, refs []string) string {
	var s strings.Builder
	fmt.Fprintf(&s, `# Runs for each change.
name: Build %d
on:
  push:
    branches: [ "main", release/* ]
  pull_request:
permissions:
  contents: read
concurrency:
  group: ${{ github.workflow }}-${{ github.ref }}
  cancel-in-progress: true
jobs:
  build:
    strategy:
      matrix:
        os: [ubuntu-latest, macos-latest]
        go: ['1.25', '1.26']
    runs-on: ${{ matrix.os }}
    env:
      CGO_ENABLED: '0'
    steps:
`, number)
	for i, ref := range refs {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&s, "      - uses: %s\n        with:\n          fetch-depth: 0\n          persist-credentials: false\n\n", ref)
		case 1:
			fmt.Fprintf(&s, "      # What the next steps need.\n      - name: Set up part %d\n        uses: %s\n        with:\n          version: \"1.%d\"\n", i, ref, i)
		case 2:
			fmt.Fprintf(&s, "      - if: github.event_name != 'pull_request'\n        uses: %s\n", ref)
		case 3:
			fmt.Fprintf(&s, "      - name: Part %d\n        id: part%d\n        uses: %s\n        env:\n          TOKEN: ${{ secrets.TOKEN }}\n", i, i, ref)
		}
		if i%2 == 0 {
			fmt.Fprintf(&s, "      - name: Test part %d\n        run: |\n          go test -v ./part%d/... # no uses: here\n          echo \"done: $?\" >>\"$GITHUB_STEP_SUMMARY\"\n", i, i)
		}
	}
	if number%50 == 0 {
		s.WriteString("      - { name: Clean up, run: make clean }\n")
	}
	return s.String()
}
