package runner

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzPush compares with another JSON parser what the event of a push says.
func FuzzPush(f *testing.F) {
	a, b, none := strings.Repeat("a", 40), strings.Repeat("b", 64), strings.Repeat("0", 40)
	for _, payload := range []string{
		`{"before":"` + a + `","after":"` + b + `","created":false,"deleted":false,"repository":{"default_branch":"main"}}`,
		`{"before":"` + none + `","after":"` + a + `","created":true,"repository":{"default_branch":"release/v1"}}`,
		`{"before":"` + a + `","after":"` + none + `","deleted":true,"repository":{"default_branch":"\u00e4"}}`,
		`{"before":"` + a + `","after":"` + a + `","created":true,"repository":{"default_branch":"main"}}`,
		`{"before":"` + none + `","after":"` + none + `","repository":{"default_branch":"main"}}`,
		`{"before":"` + a + `","Before":"` + none + `","after":"` + a + `","repository":{"default_branch":"main","Default_branch":"x"}}`,
		`{"before":null}`, `{"repository":[]}`, `{}`, `[]`, ``,
	} {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		p, err := parsePush(payload)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("the error has more than one line: %q", err)
			}
			return
		}
		var event, repository map[string]any
		if err := json.Unmarshal([]byte(payload), &event); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		repository, _ = event["repository"].(map[string]any)
		if p.DefaultBranch == "" || repository["default_branch"] != p.DefaultBranch {
			t.Errorf("the default branch %q", p.DefaultBranch)
		}
		for _, end := range []struct {
			name, id, flag string
			none           bool
		}{{"before", p.Before, "created", p.Created}, {"after", p.After, "deleted", p.Deleted}} {
			said, _ := event[end.name].(string)
			zero := strings.Trim(said, "0") == ""
			switch flag := event[end.flag]; {
			case len(said) != 40 && len(said) != 64, strings.Trim(said, "0123456789abcdef") != "",
				zero != end.none, zero && end.id != "", !zero && end.id != said, !zero && flag == true:
				t.Errorf("%s is %q and was read as %q, %t with %v", end.name, said, end.id, end.none, flag)
			}
		}
		if p.Created && p.Deleted {
			t.Error("created and deleted")
		}
	})
}
