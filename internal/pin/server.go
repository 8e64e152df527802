package pin

import (
	"context"
	"strings"
	"time"
)

// A Server answers questions about the repositories of one GitHub server. An
// error means that nothing was decided; what does not exist is an answer.
type Server interface {
	// Resolve answers each question, in order.
	Resolve(context.Context, []Question) ([]Answer, error)
	// Holders tells what holds each commit, in order. The default branch counts
	// among the branches.
	Holders(context.Context, []Commit) ([]Holder, error)
	// Versions lists the tags of each repository that are versions, in order of
	// the repositories.
	Versions(context.Context, []Repository) ([][]Version, error)
}

// A Repository names a repository of the server. GitHub compares both names
// without regard to case.
type Repository struct{ Owner, Name string }

func (r Repository) String() string { return r.Owner + "/" + r.Name }

// Key is the same for all ways to write the repository.
func (r Repository) Key() string { return strings.ToLower(r.String()) }

// A Question is about one repository; what is empty in it is not asked.
type Question struct {
	Repository Repository
	Tag        string // the name of a tag, without refs/tags/
	Series     string // such as "v4.": the versions whose names begin so
	Commit     string // a digest: does the default branch hold it?
	IDs        bool   // the numeric ids of the repository and its owner
}

// An Answer is what the server says to a [Question].
type Answer struct {
	// NoRepository: there is none, or the token may not see it. All else is empty.
	NoRepository bool
	// Tag is nil where there is no such tag.
	Tag *Tag
	// Branch: there is no such tag, but a branch of that name.
	Branch bool
	// Series are the newest of the series; where Commit was asked too and is
	// neither theirs nor Tag's, all of them up to a bound.
	Series []Tag
	// OnDefault: the default branch holds Commit.
	OnDefault bool

	RepositoryID, OwnerID int64
}

// A Tag is a tag and the commit that it leads to.
type Tag struct {
	Name   string // without refs/tags/
	Commit string // through all tag objects
	Object string // the tag's own object where it is annotated, else empty
}

// A Commit is a commit that a repository should hold.
type Commit struct {
	Repository Repository
	SHA        string
	// Near is a version, such as v4, for whose branches to look first; or empty.
	Near string
}

// A Holder is what holds a [Commit]. Where nothing does, both names are empty.
type Holder struct {
	Branch string // a branch from which the commit can be reached
	Tag    string // a tag of that very commit, where no branch was found
	// TagObject: the digest is that of a tag object, not of a commit.
	TagObject bool
	// Partial: the repository has so many branches or tags that not all were asked.
	Partial bool
}

// A Version is a tag whose name is a semantic version, and its release.
type Version struct {
	Tag
	// Published is when the release was published, zero where there is none. A
	// tag's own date is its author's claim and counts for nothing.
	Published  time.Time
	Prerelease bool // the release says so; a version can say so too
}
