package jwks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/worker"
)

// maxEntry is the size of an entry in bytes. JSON makes six bytes of one where it
// escapes it.
const maxEntry = 8 << 20

// A Cache keeps the key sets of issuers in a folder. The file of an issuer is
// <hex SHA-256 of its name>.json:
//
//	{"issuer":"https://issuer.example","expires":"2026-01-02T03:04:05Z","jwks":"{\"keys\":[]}"}
//
// Who writes there decides which keys are right, so a file counts only if nobody
// but root and this process's user can have made or changed it.
type Cache struct {
	Dir string // made where it is not there
	Now func() time.Time
}

// An entry is what a file of a cache has.
type entry struct {
	Issuer  string `json:"issuer"`
	Expires string `json:"expires"` // RFC 3339
	JWKS    string `json:"jwks"`
}

// Get returns the key set of an issuer. What has expired, or will in more than
// [MaxKeep], is not there; nor is what cannot be read, trusted or understood.
func (c Cache) Get(issuer string) (set []byte, ok bool) {
	path, err := c.path(issuer)
	if err != nil {
		return nil, false
	}
	text, err := worker.ReadTrusted(path, maxEntry)
	if err != nil {
		return nil, false
	}
	e, ok := parseEntry(string(text))
	if !ok || e.Issuer != issuer || checkSet(e.JWKS) != nil {
		return nil, false
	}
	expires, err := time.Parse(time.RFC3339, e.Expires)
	if left := expires.Sub(c.Now()); err != nil || left <= 0 || left > MaxKeep {
		return nil, false
	}
	return []byte(e.JWKS), true
}

func parseEntry(text string) (entry, bool) {
	v, err := jose.ParseJSON(text)
	if err != nil || v.Kind != jose.Object {
		return entry{}, false
	}
	for _, m := range v.Members {
		if m.Value.Kind != jose.String {
			return entry{}, false
		}
	}
	member := func(name string) string {
		m, _ := v.Get(name)
		return m.Text
	}
	return entry{Issuer: member("issuer"), Expires: member("expires"), JWKS: member("jwks")}, true
}

// Put keeps the keys of an issuer in place of those that were kept before. Keys
// that may not be kept only take those away.
func (c Cache) Put(issuer string, keys Keys) error {
	path, err := c.path(issuer)
	if err != nil {
		return err
	}
	if keys.Keep <= 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.Marshal(entry{issuer, c.Now().Add(min(keys.Keep, MaxKeep)).UTC().Format(time.RFC3339), string(keys.Set)})
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// What is written to another folder would never be read.
	if err := worker.CheckTrustedDir(dir); err != nil {
		return err
	}
	return replace(path, text)
}

// replace writes a file that only this user may read, whole or not at all.
func replace(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*") // exclusive, with the mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (c Cache) path(issuer string) (string, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return "", fmt.Errorf("the folder of the key cache: %w", err)
	}
	sum := sha256.Sum256([]byte(issuer))
	return filepath.Join(dir, hex.EncodeToString(sum[:])+".json"), nil
}
