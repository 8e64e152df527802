package artifactfs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// artifactOf is the entry of a file that holds a content.
func artifactOf(path, content string) runspec.Artifact {
	return runspec.Artifact{Path: path, Size: int64(len(content)), SHA256: sha256Of(content)}
}

func sha256Of(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

var failTime = time.Date(2026, 11, 22, 10, 38, 0, 999, time.FixedZone("", 3600))

// failed says that a path is not listed.
func failed(path string) artifactfs.Failed {
	return artifactfs.Failed{Path: path, Rule: "artifact-unlisted", TokenID: "AAAAAAAAAAAAAAAAAAAAAA", Time: failTime}
}

// large is more than is read at once.
func large(seed string) string {
	return strings.Repeat(seed+"\n", 2*artifactfs.BufferSize/len(seed))
}

func openQuarantine(t testing.TB, dir string) *artifactfs.Quarantine {
	t.Helper()
	q, err := artifactfs.OpenQuarantine(dir)
	must(t, err)
	t.Cleanup(func() { q.Close() })
	return q
}

// recovered opens a quarantine, which ends what was interrupted, and closes it.
func recovered(t testing.TB, dir string) {
	t.Helper()
	q, err := artifactfs.OpenQuarantine(dir)
	must(t, err)
	must(t, q.Close())
}

// files are the contents below a folder by path. A link's is its target behind an
// arrow, and that of what is neither its type.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		must(t, err)
		var content string
		switch {
		case e.Type().IsRegular():
			b, err := os.ReadFile(path)
			must(t, err)
			content = string(b)
		case e.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			must(t, err)
			content = "-> " + target
		default:
			content = e.Type().String()
		}
		all[filepath.ToSlash(rel)] = content
		return nil
	}))
	return all
}

var (
	lastName = regexp.MustCompile(`^(path-)?[0-9a-f]{64}(-[0-9]+)?$`)
	onTheWay = regexp.MustCompile(`^\.countersign-[0-9a-f]{16}(\.copy)?$`)
)

// exist counts how often each content exists: in the root, and in the quarantine
// under a last name, or under one that begins with .countersign- once its source is
// gone. It checks the names in the quarantine and the reports.
func exist(t testing.TB, root, quarantine string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, content := range files(t, root) {
		n[content]++
	}
	if _, err := os.Lstat(quarantine); errors.Is(err, fs.ErrNotExist) {
		return n
	}
	set := files(t, quarantine)
	for name, content := range set {
		switch {
		case lastName.MatchString(name):
			n[content]++
			r := readReport(t, filepath.Join(quarantine, name))
			digest := sha256Of(content)
			if strings.HasPrefix(name, "path-") {
				digest = "path-" + sha256Of(r.Path)
			}
			if !strings.HasPrefix(name, digest) || r.Rule != "artifact-unlisted" {
				t.Errorf("%s holds %.20q, report %+v", name, content, r)
			}
		case onTheWay.MatchString(name):
			_, path, err := artifactfs.PendingSource([]byte(set[strings.TrimSuffix(name, ".copy")+".json"]))
			must(t, err)
			if _, err := os.Lstat(filepath.Join(root, path)); errors.Is(err, fs.ErrNotExist) {
				n[content]++
			}
		case !strings.HasSuffix(name, ".json"):
			t.Errorf("%q is in the quarantine", name)
		}
	}
	return n
}

type reportFile struct {
	Path      string          `json:"path"`
	PathBytes []byte          `json:"path_bytes"`
	Expected  json.RawMessage `json:"expected"`
	Found     json.RawMessage `json:"found"`
	TokenID   string          `json:"token_id"`
	Time      string          `json:"time"`
	Rule      string          `json:"rule"`
}

func readReport(t testing.TB, file string) (r reportFile) {
	t.Helper()
	b, err := os.ReadFile(file + ".json")
	must(t, err)
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("%s.json: %v: %q", file, err, b)
	}
	return r
}

// wantNothingOnTheWay checks that no move was left unfinished.
func wantNothingOnTheWay(t testing.TB, dir string) {
	t.Helper()
	for name := range files(t, dir) {
		if strings.HasPrefix(filepath.Base(name), ".countersign-") && !strings.HasSuffix(name, "lock") {
			t.Errorf("%q is left", name)
		}
	}
}

func wantSame[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%.2000s", diff)
	}
}

// wantPlace checks that a folder was refused for a reason.
func wantPlace(t testing.TB, err error, reason string) {
	t.Helper()
	var place *artifactfs.PlaceError
	if !errors.As(err, &place) || !strings.Contains(err.Error(), reason) || place.Hint() == "" {
		t.Errorf("%v, want %q", err, reason)
	}
}

// otherDevice has renames fail as between file systems.
func otherDevice(name string) error {
	if strings.HasPrefix(name, "rename ") {
		return artifactfs.ErrOtherDevice
	}
	return nil
}
