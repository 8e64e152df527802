package keyless

import "github.com/countersign-ci/countersign/internal/jose"

// Verify is what [Issuers.Open] does with the identity token.
func (i *Issuer) Verify(token, audience string) (*jose.Token, error) {
	return i.verify(token, audience)
}

// Names tells whether `iss` is the URL of a repository.
func (i *Issuer) Names(iss, repository string) bool { return i.names(iss, repository) }

// Holds tells whether an identity's claims are as they have to be.
func (i Identity) Holds(claims jose.Value) bool { return i.holds(claims) }

// Match, RepositoryOf and CheckIssued are not to be had from outside.
var (
	Match        = match
	RepositoryOf = repositoryOf
	CheckIssued  = checkIssued
)
