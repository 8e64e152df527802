package report_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

func TestArtifactsJSON(t *testing.T) {
	r := report.New(nil, nil)
	want := map[string]any{"ok": true, "failure": "", "findings": []any{}, "spec": nil}
	for _, test := range []struct {
		artifacts []report.Artifact
		want      any
	}{
		{nil, nil},
		{[]report.Artifact{}, []any{}},
		{
			[]report.Artifact{
				{Path: "a\nb", Status: "changed", Expected: &report.Digest{Size: 1, SHA256: "x"}, Found: &report.Digest{SHA256: "y"}, Quarantine: "q/y"},
				{Path: "c", Status: "unlisted"},
			},
			[]any{
				map[string]any{
					"path": "a\nb", "status": "changed", "quarantine": "q/y",
					"expected": map[string]any{"size": 1.0, "sha256": "x"}, "found": map[string]any{"size": 0.0, "sha256": "y"},
				},
				map[string]any{"path": "c", "status": "unlisted", "expected": nil, "found": nil, "quarantine": ""},
			},
		},
	} {
		delete(want, "artifacts")
		if test.want != nil {
			want["artifacts"] = test.want
		}
		r.Artifacts = test.artifacts
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		text := b.Bytes()
		// It is the very same as in one piece.
		if whole, err := report.JSON(r); err != nil || string(whole) != string(text) {
			t.Errorf("it is %q and in one piece %q %v", text, whole, err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	}
}
