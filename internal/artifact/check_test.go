package artifact_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestCheck(t *testing.T) {
	listed := func(path string) runspec.Artifact { return runspec.Artifact{Path: path, Size: 3, SHA256: digest} }
	found := func(path string) artifact.Found { return artifact.Found{Path: path, Size: 3, SHA256: digest} }
	manifest := []runspec.Artifact{
		listed("same"), listed("changed"), listed("longer"), listed("missing"), listed("absent"), listed("link"), listed("line\nend"),
		listed("../out"), listed("/abs"), listed("Case"), listed("case"), listed("file"), listed("file/below"), listed("file/too"),
		{Path: "oci://ghcr.io/acme/widgets", SHA256: digest}, {Path: "oci://", SHA256: digest}, {Path: "oci://sized", Size: 1, SHA256: digest},
	}
	all := []artifact.Found{
		found("same"), {Path: "changed", Size: 3, SHA256: other}, {Path: "longer", Size: 4, SHA256: digest}, {Path: "missing", Missing: true},
		{Path: "link", Size: 3, SHA256: digest, Problem: "a symbolic link"}, {Path: "line\nend", SHA256: other},
		found("../out"), found("Case"), found("case"), found("file"), found("file/below"), found("file/too"),
		{Path: "more"}, {Path: "more-hashed", Size: 1, SHA256: other}, {Path: "pipe", Problem: "a named pipe"}, {Path: "\xff", Problem: "its name is not UTF-8"},
		{Path: "gone", Missing: true}, {Path: "log/a"}, {Path: "log/link", Problem: "a symbolic link"},
	}
	type row struct{ Path, Status, Rule, Message string }
	want := []row{
		{"../out", "unsafe", report.UnsafePath, "the path has the part .."},
		{"/abs", "unsafe", report.UnsafePath, "the path is absolute"},
		{"Case", "verified", "", ""},
		{"absent", "missing", report.ArtifactMissing, "it is listed and not there"},
		{"case", "unsafe", report.UnsafePath, `the path is the same as "Case" where letter case does not count`},
		{"changed", "changed", report.ArtifactChanged, "its SHA-256 is " + other + " and should be " + digest},
		{"file", "verified", "", ""},
		{"file/below", "unsafe", report.UnsafePath, `the path lies below "file", which is a file`},
		{"file/too", "unsafe", report.UnsafePath, `the path lies below "file", which is a file`},
		{"line\nend", "changed", report.ArtifactChanged, "it has 0 bytes and should have 3"},
		{"link", "unsafe", report.UnsafePath, "it is no file to trust: a symbolic link"},
		{"longer", "changed", report.ArtifactChanged, "it has 4 bytes and should have 3"},
		{"missing", "missing", report.ArtifactMissing, "it is listed and not there"},
		{"more", "unlisted", report.ArtifactUnlisted, "it is there and not listed"},
		{"more-hashed", "unlisted", report.ArtifactUnlisted, "it is there and not listed"},
		{"oci://", "unsafe", report.UnsafePath, "the path names no image"},
		{"oci://ghcr.io/acme/widgets", "recorded", "", ""},
		{"oci://sized", "unsafe", report.UnsafePath, "the path names no image"},
		{"pipe", "unsafe", report.UnsafePath, "it is not listed and no file to trust: a named pipe"},
		{"same", "verified", "", ""},
		{"\xff", "unsafe", report.UnsafePath, "it is not listed and no file to trust: its name is not UTF-8"},
	}
	allow, err := artifact.Matcher([]string{"log/**", "same", "changed"})
	if err != nil {
		t.Fatal(err)
	}
	var got []row
	byPath := map[string]artifact.Result{}
	for _, r := range artifact.Check(manifest, all, allow) {
		got = append(got, row{r.Path, r.Status(), r.Rule, r.Message})
		byPath[r.Path] = r
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	for path, want := range map[string][2]*runspec.Artifact{ // expected, found
		"same":                       {{Path: "same", Size: 3, SHA256: digest}, {Path: "same", Size: 3, SHA256: digest}},
		"changed":                    {{Path: "changed", Size: 3, SHA256: digest}, {Path: "changed", Size: 3, SHA256: other}},
		"missing":                    {{Path: "missing", Size: 3, SHA256: digest}, nil},
		"link":                       {{Path: "link", Size: 3, SHA256: digest}, nil},
		"../out":                     {{Path: "../out", Size: 3, SHA256: digest}, nil},
		"more":                       {nil, nil},
		"more-hashed":                {nil, {Path: "more-hashed", Size: 1, SHA256: other}},
		"pipe":                       {nil, nil},
		"oci://ghcr.io/acme/widgets": {{Path: "oci://ghcr.io/acme/widgets", SHA256: digest}, nil},
	} {
		if diff := cmp.Diff(want, [2]*runspec.Artifact{byPath[path].Expected, byPath[path].Found}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestCheckNothing(t *testing.T) {
	if got := artifact.Check(nil, nil, nil); got == nil || len(got) != 0 {
		t.Errorf("of nothing there is %+v", got)
	}
	got := artifact.Check(nil, []artifact.Found{{Path: "a"}}, nil)
	if len(got) != 1 || got[0].Rule != report.ArtifactUnlisted {
		t.Errorf("an unlisted file is %+v", got)
	}
	twice := []runspec.Artifact{{Path: "a", SHA256: digest}, {Path: "a", SHA256: digest}}
	for i, r := range artifact.Check(twice, []artifact.Found{{Path: "a", SHA256: digest}}, nil) {
		if r.Rule != report.UnsafePath || !strings.Contains(r.Message, "twice") {
			t.Errorf("entry %d of a path that stands twice: %+v", i, r)
		}
	}
}
