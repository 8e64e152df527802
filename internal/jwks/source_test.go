package jwks_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jwks"
	"github.com/countersign-ci/countersign/internal/oidctest"
)

// wantKeys asks a source, and checks where the keys came from.
func wantKeys(t *testing.T, s jwks.Source, p *oidctest.Provider, fresh bool, want []byte, cached bool) {
	t.Helper()
	before := p.Requests(oidctest.KeySet)
	got, err := s.Keys(t.Context(), p.Issuer(), fresh)
	if err != nil || string(got.Set) != string(want) || got.Cached != cached {
		t.Errorf("Keys = %q, cached: %t, %v, want %q, %t", got.Set, got.Cached, err, want, cached)
	}
	if asked := p.Requests(oidctest.KeySet) > before; asked == cached {
		t.Errorf("that the issuer was asked is %t", asked)
	}
}

func TestSource(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "ES256"})
	p.SetCacheControl("max-age=3600")
	cache, now := newCache(t)
	s := jwks.Source{Client: p.Client(), Cache: cache, Note: func(err error) { t.Errorf("noted: %v", err) }}

	first := p.JWKS()
	wantKeys(t, s, p, false, first, false)
	wantKeys(t, s, p, false, first, true)
	p.Rotate()
	wantKeys(t, s, p, false, first, true)
	second := p.JWKS()
	wantKeys(t, s, p, true, second, false)
	wantKeys(t, s, p, false, second, true)
	p.Drop()
	*now = noon.Add(time.Hour)
	wantKeys(t, s, p, false, p.JWKS(), false)

	// From now on nothing may be kept, nor does what was kept stay.
	p.SetCacheControl("no-store")
	wantKeys(t, s, p, true, p.JWKS(), false)
	wantKeys(t, s, p, false, p.JWKS(), false)

	none := jwks.Source{Client: p.Client()}
	wantKeys(t, none, p, false, p.JWKS(), false)
	wantKeys(t, none, p, true, p.JWKS(), false)
}

// Keys that are kept do without the issuer; what is asked anew does not fall back on
// them, and a failure keeps nothing.
func TestSourceFaults(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
	cache, _ := newCache(t)
	s := jwks.Source{Client: p.Client(), Cache: cache}
	for _, fault := range []oidctest.Fault{oidctest.OtherIssuer, oidctest.NotJSON} {
		p.SetFault(oidctest.Discovery, fault)
		if got, err := s.Keys(t.Context(), p.Issuer(), false); err == nil || got.Set != nil {
			t.Errorf("%s: Keys = %q, %v", fault, got.Set, err)
		}
		wantKept(t, cache, p.Issuer(), "")
	}
	p.SetFault(oidctest.Discovery, oidctest.None)
	wantKeys(t, s, p, false, p.JWKS(), false)
	for fault, refused := range map[oidctest.Fault]bool{oidctest.OtherHost: true, oidctest.Broken: false} {
		p.SetFault(oidctest.Discovery, fault)
		wantKeys(t, s, p, false, p.JWKS(), true)
		if got, err := s.Keys(t.Context(), p.Issuer(), true); err == nil || got.Set != nil || errors.Is(err, jwks.ErrIssuer) != refused {
			t.Errorf("%s: Keys = %q, %v", fault, got.Set, err)
		}
	}
}

// A cache that cannot be written costs a request, and is told.
func TestSourceUnwritable(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
	cache, _ := newCache(t)
	if err := os.WriteFile(cache.Dir, nil, 0o600); err != nil { // where the folder belongs
		t.Fatal(err)
	}
	var notes []string
	s := jwks.Source{Client: p.Client(), Cache: cache, Note: func(err error) { notes = append(notes, err.Error()) }}
	wantKeys(t, s, p, false, p.JWKS(), false)
	wantKeys(t, s, p, false, p.JWKS(), false)
	if len(notes) != 2 || !strings.Contains(notes[0], "cannot be kept") {
		t.Errorf("the notes are %q", notes)
	}
	s.Note = nil
	wantKeys(t, s, p, false, p.JWKS(), false)
}
