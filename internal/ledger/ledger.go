// Package ledger keeps which tokens were used, so that each works once.
//
// A token's entry has the name
//
//	<yyyy-mm-dd>/<key>
//
// with the day, in UTC, on which the token expires, and as key the SHA-256, in 64
// lower-case hex digits, over the claim iss, one zero byte, and the claim jti. The
// first who creates the entry uses the token; whether it is there is never asked
// before. An entry holds one JSON object, in this order and without spaces:
//
//	{"repository":"acme/widgets","run_id":"1658821493","run_attempt":1,"nonce":"<32 hex>"}
//
// Where a later attempt of a run may use the token of an earlier one again, it
// creates the entry <yyyy-mm-dd>/<key>-<attempt> beside the first, which must name
// the same repository and run and an earlier attempt. That entry too works once.
//
// There are two stores. In a repository on GitHub an entry is the ref
//
//	refs/countersign/2026-11-22/0f3c…e1
//
// that leads to an annotated tag object whose message is the JSON; the object
// points at the commit of the run, or in a repository other than the run's at the
// head of the default branch. In a directory it is the file 2026-11-22/0f3c…e1.
//
// Only "created" lets a token pass. [ErrUsed] says that it was used; every other
// error that it is not known, and both refuse. Faults may let nobody pass, and
// never two.
package ledger

import (
	"context"
	"strconv"
	"time"

	"github.com/countersign-ci/countersign/internal/runspec"
)

// A Use is one use of a token by a run.
type Use struct {
	Issuer, ID string    // the claims iss and jti
	Expires    time.Time // the claim exp
	Repository string    // of the run, as owner/name
	RunID      string    // empty where it is not known
	Attempt    int       // from 1; 0 where it is not known
	Commit     string    // of the run, in Repository
	// AllowRerun lets a later attempt of a run use the token of an earlier one.
	AllowRerun bool
}

// A Store keeps entries by their names. Its methods may be called at any time, by
// several processes at once.
type Store interface {
	// Create makes an entry. Of all calls with one name, ever, at most one
	// returns nil; the error wraps ErrUsed where the entry is there already. The
	// commit is one of the record's repository, or empty.
	Create(ctx context.Context, name string, r Record, commit string) error
	// Read returns an entry that is there. The error wraps ErrUsed where it was
	// not written to its end.
	Read(ctx context.Context, name string) (Record, error)
	// Remove removes the entries of the days that past names, and nothing else,
	// and returns how many.
	Remove(ctx context.Context, past func(day time.Time) bool) (int, error)
}

// A Ledger is the record of used tokens in a store.
type Ledger struct{ store Store }

// New returns the ledger in a store.
func New(s Store) *Ledger { return &Ledger{s} }

// Use uses a token. Nil says that this is its first use; an error that wraps
// [ErrUsed] that it is not; any other error that it is not known. All refuse but
// nil.
func (l *Ledger) Use(ctx context.Context, u Use) error {
	name, err := u.entry()
	if err != nil {
		return err
	}
	r := newRecord(u)
	err = l.store.Create(ctx, name, r, u.Commit)
	if !isUsed(err) || !u.AllowRerun || u.Attempt < 2 {
		return err
	}
	first, errRead := l.store.Read(ctx, name)
	switch {
	case errRead != nil:
		return errRead
	case !first.isBefore(r):
		return err
	}
	return l.store.Create(ctx, name+"-"+strconv.Itoa(u.Attempt), r, u.Commit)
}

// isBefore tells whether r is of an earlier attempt of the run that later is of.
func (r Record) isBefore(later Record) bool {
	return r.Repository != "" && runspec.SameName(r.Repository, later.Repository) &&
		r.RunID != "" && r.RunID == later.RunID &&
		r.Attempt > 0 && r.Attempt < later.Attempt
}

// keep is how long a day is kept after its end: tokens are taken for a minute after
// they expire, and clocks differ.
const keep = time.Hour

// Prune removes the entries of tokens that can pass no more at the time now, and
// returns how many.
func (l *Ledger) Prune(ctx context.Context, now time.Time) (removed int, err error) {
	return l.store.Remove(ctx, func(day time.Time) bool {
		return !now.Before(day.AddDate(0, 0, 1).Add(keep))
	})
}
