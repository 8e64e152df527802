package ledger_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/ledger"
)

func TestRecord(t *testing.T) {
	nonce := strings.Repeat("0f", 16)
	whole := `{"repository":"acme/widgets","run_id":"1658821493","run_attempt":1,"nonce":"` + nonce + `"}`
	want := ledger.Record{Repository: "acme/widgets", RunID: "1658821493", Attempt: 1, Nonce: nonce}
	for _, text := range []string{whole, whole + "\n"} {
		got, ok := ledger.ParseRecord(text)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%q: %t %s", text, ok, diff)
		}
	}
	if want.Text() != whole {
		t.Errorf("%s", want.Text())
	}
	for i := range whole {
		if _, ok := ledger.ParseRecord(whole[:i]); ok {
			t.Errorf("%q is a record", whole[:i])
		}
	}
	for _, change := range [][2]string{
		{`{"rep`, ` {"rep`}, {`{"rep`, `{"x":1,"rep`}, {`{"rep`, `{"run_attempt":2,"rep`}, {`repository`, `Repository`},
		{`:1,`, `:1.0,`}, {`:1,`, `:-1,`}, {`:1,`, `:"1",`}, {`:1,`, `:null,`}, {`:1,`, `:99999999999999999999,`},
		{nonce, nonce[1:]}, {nonce, strings.ToUpper(nonce)}, {`"1658821493"`, `1658821493`}, {`}`, "}\n\n"}, {`}`, `}{}`},
		{`1658`, `\u0031658`}, {`acme`, strings.Repeat("a", 5000)},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if r, ok := ledger.ParseRecord(text); ok || r != (ledger.Record{}) {
			t.Errorf("%.200s is a record", text)
		}
	}
	if a, b := ledger.NewRecord(use("")), ledger.NewRecord(use("")); a.Nonce == b.Nonce || len(a.Nonce) != 32 {
		t.Errorf("nonces %q, %q", a.Nonce, b.Nonce)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(ledger.NewRecord(use("")).Text())
	f.Add(`{"repository":"","run_id":"","run_attempt":0,"nonce":"` + strings.Repeat("0", 32) + `"}` + "\n")
	f.Add(`{"repository":"a","repository":"b"}`)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := ledger.ParseRecord(text)
		if !ok {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal([]byte(text), &plain); err != nil || len(plain) != 4 {
			t.Errorf("%q: %v, %v", text, plain, err)
		}
		if strings.TrimSuffix(text, "\n") != r.Text() || r.Attempt < 0 || len(r.Nonce) != 32 {
			t.Errorf("%q: %+v", text, r)
		}
	})
}

func TestParseLocation(t *testing.T) {
	for text, want := range map[string]ledger.Location{
		"":                         {},
		"github":                   {},
		"github:acme/ledger":       {Repository: "acme/ledger"},
		"dir:/var/lib/countersign": {Dir: "/var/lib/countersign"},
		"dir:ledger":               {Dir: "ledger"},
		`dir:C:\ledger`:            {Dir: `C:\ledger`},
		"dir:a:b":                  {Dir: "a:b"},
	} {
		got, err := ledger.ParseLocation(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
	for _, text := range []string{
		"dir", "dir:", "dir:a\x00b", "github:", "github:acme", "github:acme/", "github:/x", "github:acme/a/b", "github:acme/..",
		"github:acme/a?b", "github:acme/a b", "GitHub", "github ", " github", "file:/x", "https://github.com/acme/ledger", "acme/ledger", "/var/lib", ":",
	} {
		l, err := ledger.ParseLocation(text)
		if l != (ledger.Location{}) {
			t.Errorf("%q: %+v", text, l)
		}
		want(t, err, "unknown", "", "dir:PATH")
	}
}

func FuzzParseLocation(f *testing.F) {
	for _, text := range []string{"", "github", "github:acme/ledger", "dir:/var/lib/countersign", "github:../..", "dir:"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ledger.ParseLocation(text)
		switch {
		case err != nil:
			if l != (ledger.Location{}) {
				t.Errorf("%q: %+v beside %v", text, l, err)
			}
		case l.Dir != "" && l.Repository != "":
			t.Errorf("%q is in two places", text)
		case l.Dir != "":
			if text != "dir:"+l.Dir {
				t.Errorf("%q: %+v", text, l)
			}
		case l.Repository != "":
			if text != "github:"+l.Repository || strings.Count(l.Repository, "/") != 1 || strings.ContainsAny(l.Repository, "?#%\\ \n") {
				t.Errorf("%q: %+v", text, l)
			}
		case text != "" && text != "github":
			t.Errorf("%q is the default", text)
		}
	})
}
