package runner_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runner"
)

var (
	before  = strings.Repeat("0123456789", 4)
	after   = strings.Repeat("abcdef0123", 4)
	zeros   = strings.Repeat("0", 40)
	before2 = strings.Repeat("01234567", 8)
	zeros2  = strings.Repeat("0", 64)
)

// push is the payload of a push with those members, as JSON, in place of what one
// usually has; an empty one is left out.
func push(change ...string) string {
	members := map[string]string{
		"before": `"` + before + `"`, "after": `"` + after + `"`, "created": "false", "deleted": "false",
		"repository": `{"id":456789,"default_branch":"main","full_name":"acme/widgets"}`,
	}
	for i := 0; i < len(change); i += 2 {
		members[change[i]] = change[i+1]
	}
	text := `{"ref":"refs/heads/main","forced":false,"commits":[{"id":"x","added":["before"]}]`
	for name, value := range members {
		if value != "" {
			text += `,"` + name + `":` + value
		}
	}
	return text + "}"
}

func quoted(s string) string { return `"` + s + `"` }

func readPush(t *testing.T, event, payload string) (runner.Push, bool, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(path, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	return runner.ReadPush(environment(map[string]string{"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": path}))
}

func TestReadPush(t *testing.T) {
	usual := runner.Push{Before: before, After: after, DefaultBranch: "main"}
	created := runner.Push{After: after, DefaultBranch: "main", Created: true}
	deleted := runner.Push{Before: before, DefaultBranch: "main", Deleted: true}
	for _, test := range []struct {
		name, payload string
		want          runner.Push
	}{
		{"usual", push(), usual},
		{"branch created", push("before", quoted(zeros), "created", "true"), created},
		{"created by zeros alone", push("before", quoted(zeros)), created},
		{"created, which is not said", push("before", quoted(zeros), "created", ""), created},
		{"branch deleted", push("after", quoted(zeros), "deleted", "true"), deleted},
		{"deleted by zeros alone", push("after", quoted(zeros), "deleted", ""), deleted},
		{"nothing said", push("created", "", "deleted", ""), usual},
		{"head of more", push("head_commit", `{"before":"x","deleted":1}`), usual},
		{"SHA-256", push("before", quoted(before2), "after", quoted(before2)), runner.Push{Before: before2, After: before2, DefaultBranch: "main"}},
		{"SHA-256 created", push("before", quoted(zeros2), "after", quoted(before2)), runner.Push{After: before2, DefaultBranch: "main", Created: true}},
		{"other branch", push("repository", `{"default_branch":"release/v1"}`), runner.Push{Before: before, After: after, DefaultBranch: "release/v1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok, err := readPush(t, "push", test.payload)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("push (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadPushRefuses(t *testing.T) {
	for _, test := range []struct{ name, payload, says string }{
		{"empty", "", "JSON at byte 0"},
		{"cut", push()[:100], "JSON at byte"},
		{"array", "[]", "it is an array where an object is expected"},
		{"something after it", push() + "{}", "something comes after"},
		{"before twice", push(`x":1,"before`, quoted(after)), "a name that stands twice"},
		{"no before", push("before", ""), "before is not the id of a commit"},
		{"before in another case", push("before", "", "Before", quoted(before)), "before is not the id of a commit"},
		{"before null", push("before", "null"), "before is not the id of a commit"},
		{"before a number", push("before", strings.Repeat("1", 40)), "before is not the id of a commit"},
		{"before short", push("before", quoted(before[:39])), "before is not the id of a commit"},
		{"before long", push("before", quoted(before+"0")), "before is not the id of a commit"},
		{"before of 63", push("before", quoted(before2[:63])), "before is not the id of a commit"},
		{"before in capitals", push("before", quoted(strings.ToUpper(after))), "before is not the id of a commit"},
		{"before with a line end", push("before", quoted(before+`\n`)), "before is not the id of a commit"},
		{"before a path", push("before", quoted(before[:37]+"/..")), "before is not the id of a commit"},
		{"short zeros", push("before", quoted("0000000")), "before is not the id of a commit"},
		{"before a branch", push("before", quoted("main")), "before is not the id of a commit"},
		{"no after", push("after", ""), "after is not the id of a commit"},
		{"after null", push("after", "null"), "after is not the id of a commit"},
		{"after short", push("after", quoted(after[:7])), "after is not the id of a commit"},
		{"created a text", push("created", `"true"`), "created is a string where a boolean is expected"},
		{"created null", push("created", "null"), "created is null where a boolean is expected"},
		{"deleted a number", push("deleted", "0"), "deleted is a number where a boolean is expected"},
		{"created from a commit", push("created", "true"), "created is true, and before is a commit"},
		{"deleted to a commit", push("deleted", "true"), "deleted is true, and after is a commit"},
		{"both zero", push("before", quoted(zeros), "after", quoted(zeros)), "before and after are both zero"},
		{"no repository", push("repository", ""), "repository.default_branch is not the name of a branch"},
		{"repository null", push("repository", "null"), "repository.default_branch is not the name of a branch"},
		{"repository a text", push("repository", `"acme/widgets"`), "repository.default_branch is not the name of a branch"},
		{"no default branch", push("repository", "{}", "default_branch", `"main"`), "repository.default_branch is not the name of a branch"},
		{"default branch null", push("repository", `{"default_branch":null}`), "repository.default_branch is not the name of a branch"},
		{"default branch empty", push("repository", `{"default_branch":""}`), "repository.default_branch is not the name of a branch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok, err := readPush(t, "push", test.payload)
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.HasPrefix(err.Error(), "the event payload in GITHUB_EVENT_PATH: ") ||
				errors.Is(err, runner.ErrUnreadable) {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if ok || got != (runner.Push{}) {
				t.Errorf("%+v, %t", got, ok)
			}
		})
	}
}

// The payload of another event is nobody's business.
func TestReadPushOther(t *testing.T) {
	for _, event := range []string{"", "pull_request", "workflow_dispatch", "Push", "push "} {
		for _, payload := range []string{push(), "{"} {
			if got, ok, err := readPush(t, event, payload); ok || err != nil || got != (runner.Push{}) {
				t.Errorf("%q: %+v, %t, %v", event, got, ok, err)
			}
		}
	}
}

func TestReadPushUnreadable(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"folder": dir, "not there": filepath.Join(dir, "event.json")} {
		_, ok, err := runner.ReadPush(environment(map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": path}))
		if !errors.Is(err, runner.ErrUnreadable) || ok || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %t, %v, want ErrUnreadable and no path", name, ok, err)
		}
	}
	_, ok, err := runner.ReadPush(environment(map[string]string{"GITHUB_EVENT_NAME": "push"}))
	if err == nil || ok || !strings.Contains(err.Error(), "GITHUB_EVENT_PATH") {
		t.Errorf("without a payload: %t, %v", ok, err)
	}
}
