package artifactfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

// What a copy has and its source has not is never removed.
func TestRecoverCopy(t *testing.T) {
	const id = ".countersign-0123456789abcdef"
	for name, test := range map[string]struct {
		source, copied string
		want           map[string]int
	}{
		"part of the source":   {"abc", "ab", map[string]int{"abc": 1}},
		"all of the source":    {"abc", "abc", map[string]int{"abc": 1}},
		"nothing yet":          {"abc", "", map[string]int{"abc": 1}},
		"no source":            {"", "abc", map[string]int{"abc": 1}},
		"another by now":       {"new", "abc", map[string]int{"new": 1, "abc": 1}},
		"another, with a part": {"ab", "abc", map[string]int{"ab": 1, "abc": 1}},
		"another, and large":   {large("b"), large("b") + "c", map[string]int{large("b"): 1, large("b") + "c": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"root/sub/ok": "ok"})
			root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
			recovered(t, quarantine)
			if test.source != "" {
				write(t, filepath.Join(root, "sub", "a"), test.source)
			}
			note, err := artifactfs.PendingText(root, failed("sub/a"))
			must(t, err)
			write(t, filepath.Join(quarantine, id+".json"), string(note))
			write(t, filepath.Join(quarantine, id+".copy"), test.copied)
			recovered(t, quarantine)
			test.want["ok"] = 1
			wantSame(t, exist(t, root, quarantine), test.want)
			wantNothingOnTheWay(t, quarantine)
		})
	}
}

// A copy whose source cannot be looked for, or of which nothing is known, is kept.
func TestRecoverUnknown(t *testing.T) {
	const id = ".countersign-0123456789abcdef"
	for name, note := range map[string]string{"cut off": `{"root":"/`, "empty": "", "relative": `{"root":"root","report":{"path":"a"}}` + "\n"} {
		t.Run(name, func(t *testing.T) {
			quarantine := filepath.Join(t.TempDir(), "quarantine")
			recovered(t, quarantine)
			write(t, filepath.Join(quarantine, id+".json"), note)
			write(t, filepath.Join(quarantine, id), "a")
			recovered(t, quarantine)
			wantSame(t, files(t, quarantine)[id], "a")
			must(t, os.Remove(filepath.Join(quarantine, id)))
			recovered(t, quarantine)
			wantNothingOnTheWay(t, quarantine)
		})
	}
}
