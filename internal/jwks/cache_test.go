package jwks_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jwks"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// newCache returns an empty cache and its clock.
func newCache(t *testing.T) (*jwks.Cache, *time.Time) {
	t.Helper()
	now := noon
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &jwks.Cache{Dir: filepath.Join(dir, "cache"), Now: func() time.Time { return now }}, &now
}

// file is where a cache has the keys of an issuer.
func file(c *jwks.Cache, issuer string) string {
	return filepath.Join(c.Dir, fmt.Sprintf("%x.json", sha256.Sum256([]byte(issuer))))
}

func put(t *testing.T, c *jwks.Cache, issuer, set string, keep time.Duration) {
	t.Helper()
	if err := c.Put(issuer, jwks.Keys{Set: []byte(set), Keep: keep}); err != nil {
		t.Fatal(err)
	}
}

// wantKept checks what a cache has for an issuer; an empty text is nothing.
func wantKept(t *testing.T, c *jwks.Cache, issuer, want string) {
	t.Helper()
	if got, ok := c.Get(issuer); string(got) != want || ok != (want != "") {
		t.Errorf("the cache has %q, %t for %s, want %q", got, ok, issuer, want)
	}
}

func TestCache(t *testing.T) {
	c, now := newCache(t)
	wantKept(t, c, issuer, "")
	const set, other = "{\n \"keys\": [],\t\"x\": \"<\u2028\\u0000&\"}\n", `{"keys":[{"kid":"a"}]}`
	put(t, c, issuer, set, time.Hour)
	put(t, c, issuer+"/", other, 2*time.Hour)
	wantKept(t, c, issuer, set)
	wantKept(t, c, issuer+"/", other)
	wantKept(t, c, issuer+"/a", "")

	*now = noon.Add(time.Hour - time.Second)
	wantKept(t, c, issuer, set)
	*now = noon.Add(time.Hour)
	wantKept(t, c, issuer, "")
	wantKept(t, c, issuer+"/", other)
	*now = noon
	wantKept(t, c, issuer, set)
	// A clock that was wrong when the keys were kept does not make them last.
	*now = noon.Add(time.Hour - 24*time.Hour)
	wantKept(t, c, issuer, set)
	*now = noon.Add(time.Hour - 24*time.Hour - time.Second)
	wantKept(t, c, issuer, "")

	*now = noon
	put(t, c, issuer, other, time.Minute) // in place of what was there
	wantKept(t, c, issuer, other)
	put(t, c, issuer, set, 0)
	wantKept(t, c, issuer, "")
	put(t, c, issuer, set, 0)
	put(t, c, issuer, set, 1000*time.Hour)
	wantKept(t, c, issuer, set)
	*now = noon.Add(24 * time.Hour)
	wantKept(t, c, issuer, "")
}

// The form is written down for others who look at it.
func TestCacheFile(t *testing.T) {
	c, _ := newCache(t)
	put(t, c, issuer, `{"keys":[]}`, time.Hour+time.Second)
	text, err := os.ReadFile(file(c, issuer))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"issuer":"https://issuer.example","expires":"2026-01-02T13:00:01Z","jwks":"{\"keys\":[]}"}`
	if string(text) != want {
		t.Errorf("the file is\n%s\nand should be\n%s", text, want)
	}
	files, err := os.ReadDir(c.Dir)
	if err != nil || len(files) != 1 {
		t.Errorf("the folder has %v, %v", files, err)
	}
}

func TestCacheRelative(t *testing.T) {
	c, now := newCache(t)
	t.Chdir(filepath.Dir(c.Dir))
	relative := &jwks.Cache{Dir: "cache", Now: func() time.Time { return *now }}
	put(t, relative, issuer, keySet, time.Hour)
	wantKept(t, relative, issuer, keySet)
	wantKept(t, c, issuer, keySet)
}

// A file that is not what was written, as a whole, counts as none.
func TestCacheBroken(t *testing.T) {
	entry := func(issuer, expires, set string) string {
		text, err := json.Marshal(map[string]string{"issuer": issuer, "expires": expires, "jwks": set})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const later = "2026-01-02T13:00:00Z"
	good := entry(issuer, later, keySet)
	for name, test := range map[string]struct {
		text  string
		holds bool
	}{
		"good":                   {good, true},
		"zone":                   {entry(issuer, "2026-01-02T14:00:00+01:00", keySet), true},
		"empty":                  {"", false},
		"cut":                    {good[:len(good)-1], false},
		"more after it":          {good + "{}", false},
		"list":                   {"[" + good + "]", false},
		"null":                   {"null", false},
		"no issuer":              {`{"expires":"` + later + `","jwks":"{\"keys\":[]}"}`, false},
		"other issuer":           {entry("https://mallory.example", later, keySet), false},
		"issuer twice":           {`{"issuer":"https://mallory.example",` + good[1:], false},
		"issuer in a list":       {`{"issuer":["` + issuer + `"],"expires":"` + later + `","jwks":"{\"keys\":[]}"}`, false},
		"no time":                {entry(issuer, "", keySet), false},
		"number as time":         {`{"issuer":"` + issuer + `","expires":1767358800,"jwks":"{\"keys\":[]}"}`, false},
		"time without zone":      {entry(issuer, "2026-01-02T13:00:00", keySet), false},
		"date":                   {entry(issuer, "2026-01-03", keySet), false},
		"past":                   {entry(issuer, "2026-01-02T11:59:59Z", keySet), false},
		"now":                    {entry(issuer, "2026-01-02T12:00:00Z", keySet), false},
		"in a day":               {entry(issuer, "2026-01-03T12:00:00Z", keySet), true},
		"in more than a day":     {entry(issuer, "2026-01-03T12:00:01Z", keySet), false},
		"in 7000 years":          {entry(issuer, "9999-12-31T23:59:59Z", keySet), false},
		"year zero":              {entry(issuer, "0000-01-01T00:00:00Z", keySet), false},
		"no set":                 {entry(issuer, later, ""), false},
		"set that is no JSON":    {entry(issuer, later, "x"), false},
		"set without keys":       {entry(issuer, later, "{}"), false},
		"set with keys twice":    {entry(issuer, later, `{"keys":[],"keys":[]}`), false},
		"set that is an object":  {`{"issuer":"` + issuer + `","expires":"` + later + `","jwks":{"keys":[]}}`, false},
		"something else is null": {`{"x":null,` + good[1:], false},
		"huge":                   {good + strings.Repeat(" ", 8<<20), false},
	} {
		c, _ := newCache(t)
		if err := os.Mkdir(c.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(c, issuer), []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if set, ok := c.Get(issuer); ok != test.holds || ok && string(set) != keySet {
			t.Errorf("%s: Get = %q, %t, want %t", name, set, ok, test.holds)
		}
	}
}

// What the largest answer has fits in a file.
func TestCacheLarge(t *testing.T) {
	c, _ := newCache(t)
	set := `{"keys":["` + strings.Repeat("<", 1<<20-14) + `"]}`
	put(t, c, issuer, set, time.Hour)
	if got, ok := c.Get(issuer); !ok || string(got) != set {
		t.Errorf("of %d bytes %d are kept, %t", len(set), len(got), ok)
	}
}

func FuzzCache(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://issuer.example","expires":"2026-01-02T13:00:00Z","jwks":"{\"keys\":[]}"}`))
	f.Add([]byte(`{"jwks":"{\"keys\":[]}","issuer":"https:\/\/issuer.example","expires":"2026-01-03T01:00:00.5+13:00","x":""}`))
	f.Add([]byte(`{"issuer":"https://issuer.example","expires":"2026-01-02T13:00:00Z","jwks":{"keys":[]}}`))
	dir, err := filepath.EvalSymlinks(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	c := &jwks.Cache{Dir: dir, Now: func() time.Time { return noon }}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file(c, issuer), text, 0o600); err != nil {
			t.Fatal(err)
		}
		set, ok := c.Get(issuer)
		if !ok {
			return
		}
		// Kept again as long as can be, it is the same.
		again := &jwks.Cache{Dir: filepath.Join(dir, "again"), Now: c.Now}
		put(t, again, issuer, string(set), jwks.MaxKeep)
		wantKept(t, again, issuer, string(set))
		if !json.Valid(set) {
			t.Errorf("the set %q is no JSON", set)
		}
	})
}
