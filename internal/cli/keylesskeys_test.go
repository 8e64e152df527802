package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/oidctest"
)

// TestKeylessIssuerFaults has an issuer that misbehaves: undecided where no answer
// came, refused where a check of it failed.
func TestKeylessIssuerFaults(t *testing.T) {
	for _, test := range []struct {
		path  string
		fault oidctest.Fault
		code  int
		says  string
	}{
		{oidctest.Discovery, oidctest.Hang, exitUndecided, "the issuer's discovery document"},
		{oidctest.Discovery, oidctest.Broken, exitUndecided, "answered 500"},
		{oidctest.Discovery, oidctest.NotJSON, exitUndecided, "is not JSON"},
		{oidctest.Discovery, oidctest.Redirect, exitUndecided, "a redirect to another host"},
		{oidctest.Discovery, oidctest.OtherIssuer, exitRefused, "names another issuer"},
		{oidctest.Discovery, oidctest.OtherHost, exitRefused, "has its keys at another host"},
		{oidctest.Discovery, oidctest.OtherPort, exitRefused, "has its keys at another host"},
		{oidctest.Discovery, oidctest.PlainKeys, exitRefused, "is not https"},
		{oidctest.Discovery, oidctest.TwoIssuers, exitRefused, "not all readers make the same"},
		{oidctest.KeySet, oidctest.Hang, exitUndecided, "the issuer's key set"},
		{oidctest.KeySet, oidctest.Broken, exitUndecided, "answered 500"},
		{oidctest.KeySet, oidctest.NotJSON, exitUndecided, "is not JSON"},
		{oidctest.KeySet, oidctest.Redirect, exitUndecided, "a redirect to another host"},
		{oidctest.KeySet, oidctest.HugeKeys, exitUndecided, "more than 1048576 bytes"},
		{oidctest.KeySet, oidctest.EqualKIDs, exitRefused, "two keys with the kid"},
	} {
		t.Run(strings.TrimPrefix(test.path, "/.well-known/")+": "+string(test.fault), func(t *testing.T) {
			t.Parallel()
			k := newKeylessTest(t)
			if test.fault == oidctest.Hang {
				k.client.Timeout = 50 * time.Millisecond
			}
			token := k.sign()
			k.provider.SetFault(test.path, test.fault)
			if test.code == exitRefused {
				if stderr := k.verify(token, "untrusted-identity"); !strings.Contains(stderr, test.says) {
					t.Errorf("it says %s", stderr)
				}
			} else {
				k.undecided(token, test.says)
			}
			if n := k.provider.OtherRequests(); n != 0 {
				t.Errorf("another host was asked")
			}
		})
	}
}

// undecided verifies a token about which nothing can be decided. Warnings do not
// cover that.
func (k *keylessTest) undecided(token, says string, more ...string) {
	k.t.Helper()
	for _, mode := range []string{"block", "warn"} {
		stderr := k.fails(exitUndecided, says, append([]string{
			"verify", "--json", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", "repository=acme/widgets",
			"--token", token, "--on-invalid", mode, "--on-missing", mode,
		}, more...)...)
		if !strings.Contains(stderr, "--jwks") || !strings.Contains(k.read("output"), "verified<<") || strings.Contains(k.read("output"), "\ntrue\n") {
			k.t.Errorf("the outputs are %s after %s", k.read("output"), stderr)
		}
	}
}

func TestKeylessIssuerDown(t *testing.T) {
	k := newKeylessTest(t)
	token := k.sign()
	k.client.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no route to host")
	}}
	k.undecided(token, "no route to host")
	k.client.Transport = &http.Transport{} // that trusts the system's authorities
	k.undecided(token, "certificate")
}

// TestKeylessRotation has the issuer change its key.
func TestKeylessRotation(t *testing.T) {
	k := newKeylessTest(t)
	old := k.sign()
	k.provider.Rotate()
	fresh := k.sign()
	k.verify(old, "")
	k.verify(fresh, "")
	k.provider.Drop()
	k.verify(old, "unknown-key")
	k.verify(fresh, "")
}

// TestKeylessJWKS has the issuer's keys in a file, and asks nobody.
func TestKeylessJWKS(t *testing.T) {
	k := newKeylessTest(t)
	token := k.sign()
	set := k.write("jwks", string(k.provider.JWKS()))
	k.provider.Rotate()
	fresh := k.sign()
	if n := k.asked(func() {
		k.verify(token, "", "--jwks", set)
		k.verify(fresh, "unknown-key", "--jwks", set)
		k.verify(token, "", "--jwks", set, "--jwks-cache", k.path("cache"))
		k.env["COUNTERSIGN_JWKS"] = set
		k.verify(token, "")
		k.env["COUNTERSIGN_JWKS"] = ""

		file := []string{"verify", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", "repository=acme/widgets", "--token", token, "--jwks"}
		public := strings.TrimSuffix(strings.TrimPrefix(string(k.provider.JWKS()), `{"keys":[`), "]}")
		first, _, _ := strings.Cut(public, "},{")
		for name, text := range map[string]string{
			"empty": "", "no JSON": "keys", "no object": "[]", "no keys": "{}", "keys of another kind": `{"keys":{}}`,
			"two keys of one id": `{"keys":[` + first + "},{" + strings.TrimPrefix(first, "{") + `}]}`,
			"a private key":      `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`,
		} {
			code, _, stderr := k.run(append(file, k.write("broken", text), "--on-invalid", "warn")...)
			if code != exitUsage || !strings.Contains(stderr, "error: the JWKS file: ") {
				t.Errorf("%s: exit code %d, %s", name, code, stderr)
			}
		}
		k.fails(exitUsage, "the JWKS file cannot be read", append(file, k.path("none"))...)
		k.fails(exitUsage, "the JWKS file is too large", append(file, k.write("broken", strings.Repeat(" ", 1<<20)+string(k.provider.JWKS())))...)
	}); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	if _, err := os.Stat(k.path("cache")); !os.IsNotExist(err) {
		t.Errorf("keys from a file were kept: %v", err)
	}
}

// TestKeylessCache keeps the issuer's keys as long as it says, and asks anew for a
// key that is not among them.
func TestKeylessCache(t *testing.T) {
	k := newKeylessTest(t)
	k.provider.SetCacheControl("public, max-age=600")
	cache := k.path("cache")
	asks := func(want int, token, rule string) {
		t.Helper()
		args := []string{"verify", "--json", "--keyless", "--trusted-issuer", k.provider.Issuer(), "--trusted-identity", "repository=acme/widgets", "--token", token, "--jwks-cache", cache}
		if n := k.asked(func() {
			code, stdout, stderr := k.run(args...)
			k.checkReport(args, code, stdout, rule, stderr)
		}); n != want {
			t.Errorf("%d requests were made, want %d", n, want)
		}
	}
	token := k.sign("--ttl", "2h")
	asks(2, token, "")
	asks(0, token, "")
	k.provider.SetFault(oidctest.Discovery, oidctest.Broken)
	asks(0, token, "")
	k.later(599 * time.Second)
	asks(0, token, "")
	k.later(time.Second)
	k.undecided(token, "answered 500", "--jwks-cache", cache)
	k.provider.SetFault(oidctest.Discovery, oidctest.None)
	asks(2, token, "")

	// A key that is not kept is asked for once, and only where it can help.
	k.provider.Rotate()
	fresh := k.sign("--ttl", "2h")
	asks(2, fresh, "")
	asks(0, fresh, "")
	asks(0, token, "")
	unknown := k.forge(forged{provider: oidctest.New(t, oidctest.Options{Now: k.now}), identity: map[string]any{"iss": k.provider.Issuer()}})
	asks(2, unknown, "unknown-key")
	// What the issuer withdraws is trusted while it is kept, and no longer.
	k.provider.Drop()
	asks(0, token, "")
	k.later(600 * time.Second)
	asks(2, token, "unknown-key")
	asks(0, fresh, "")
	// It may say that nothing is kept.
	k.provider.SetCacheControl("no-store")
	k.later(600 * time.Second)
	asks(2, fresh, "")
	asks(2, fresh, "")
}

// TestKeylessCacheOthers has a cache that somebody else may have written.
func TestKeylessCacheOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes tell nothing there")
	}
	k := newKeylessTest(t)
	cache := k.path("cache")
	verify := func(want int, note string) {
		t.Helper()
		token := k.sign()
		var stderr string
		if n := k.asked(func() { stderr = k.verify(token, "", "--jwks-cache", cache) }); n != want || !strings.Contains(stderr, note) {
			t.Errorf("%d requests were made, want %d and %q: %s", n, want, note, stderr)
		}
	}
	entry := func() string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(cache, "*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("the cache has %q %v", found, err)
		}
		return found[0]
	}
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	verify(2, "")
	verify(0, "")
	chmod(entry(), 0o666)
	verify(2, "")
	verify(0, "")
	// Mallory's keys under the right name count for nothing if others could put them there.
	mallory := oidctest.New(t, oidctest.Options{Now: k.now, KID: k.provider.KID()})
	text, err := os.ReadFile(entry())
	if err != nil {
		t.Fatal(err)
	}
	own, forgedSet := quoted(t, string(k.provider.JWKS())), quoted(t, string(mallory.JWKS()))
	changed := strings.Replace(string(text), own, forgedSet, 1)
	if changed == string(text) {
		t.Fatalf("the entry has not the keys: %s", text)
	}
	name := entry()
	if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	token := k.forge(forged{provider: mallory, identity: map[string]any{"iss": k.provider.Issuer()}})
	k.verify(token, "", "--jwks-cache", cache) // an entry of one's own is trusted, so the next ones prove something
	chmod(name, 0o622)
	k.verify(token, "bad-signature", "--jwks-cache", cache)
	chmod(cache, 0o777)
	verify(2, "note: the issuer's keys cannot be kept")
	chmod(cache, 0o700)
	cache = k.write("file", "")
	verify(2, "note: the issuer's keys cannot be kept")
}

// quoted returns a text as it stands in JSON, without the quotes.
func quoted(t *testing.T, text string) string {
	t.Helper()
	return strings.Trim(asJSON(t, text), `"`)
}
