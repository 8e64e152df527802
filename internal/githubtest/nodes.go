package githubtest

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

type rootQuery struct{}

func (rootQuery) typeName() string { return "Query" }
func (rootQuery) field(x *execution, name string, args arguments) (any, error) {
	switch name {
	case "repository":
		return x.s.repository(args.text("owner"), args.text("name"))
	case "rateLimit":
		return record{
			"cost": 1, "limit": 5000, "remaining": max(0, 5000-x.s.count), "used": min(5000, x.s.count),
			"nodeCount": x.nodes, "resetAt": time.Now().Add(time.Hour),
		}, nil
	case "viewer":
		return accountNode{x.s.accounts["octocat"]}, nil
	}
	return nil, errNoField
}

// repository finds a repository that may be seen.
func (s *Server) repository(owner, name string) (any, error) {
	r := s.repos[strings.ToLower(owner+"/"+name)]
	if r == nil || r.private {
		return nil, &failure{Type: notFound, Message: fmt.Sprintf("Could not resolve to a Repository with the name '%s/%s'.", owner, name)}
	}
	return repoNode{r}, nil
}

type repoNode struct{ *Repo }

func (r repoNode) nodeID() string { return "R_" + strconv.FormatInt(r.id, 10) }

func (repoNode) typeName() string { return "Repository" }
func (r repoNode) field(x *execution, name string, args arguments) (any, error) {
	switch name {
	case "id":
		return r.nodeID(), nil
	case "databaseId":
		return int(r.id), nil
	case "name":
		return r.name, nil
	case "nameWithOwner":
		return r.fullName(), nil
	case "url":
		return r.s.url + "/" + r.fullName(), nil
	case "owner":
		return accountNode{r.owner}, nil
	case "isPrivate":
		return r.private, nil
	case "isFork", "isArchived", "isDisabled":
		return false, nil
	case "defaultBranchRef":
		return r.refAt("refs/heads/" + r.branch), nil
	case "ref":
		return r.refAt(r.fullRef(args.text("qualifiedName"))), nil
	case "refs":
		return r.refsField(args)
	case "object":
		return r.objectField(args)
	case "release":
		return r.releaseAt(r.releaseOf(args.text("tagName"))), nil
	case "latestRelease":
		return r.releaseAt(r.latestRelease()), nil
	case "releases":
		return r.releasesField(args)
	case "pullRequest":
		number, _ := args.number("number")
		if p := r.pullNumbered(number); p != nil {
			return pullNode{r.Repo, p}, nil
		}
		return nil, &failure{Type: notFound, Message: fmt.Sprintf("Could not resolve to a PullRequest with the number of %d.", number)}
	case "pullRequests":
		return r.pullsField(args)
	}
	return nil, errNoField
}

// refAt is the node of a ref, or nil.
func (r *Repo) refAt(full string) any {
	if _, ok := r.refs[full]; !ok {
		return nil
	}
	return refNode{r, full}
}

// object is the node of an object, or nil.
func (r *Repo) object(o *object) any {
	if o == nil {
		return nil
	}
	return objectNode{r, o}
}

func (r *Repo) releaseAt(rel *release) any {
	if rel == nil {
		return nil
	}
	return releaseNode{r, rel}
}

func (r repoNode) refsField(args arguments) (any, error) {
	prefix := args.text("refPrefix")
	if !strings.HasPrefix(prefix, "refs/") || !strings.HasSuffix(prefix, "/") {
		return nil, &failure{Type: unprocessable, Message: "refPrefix must start with `refs/` and end with `/`."}
	}
	names := slices.Clone(r.refsBelow(prefix))
	if query := strings.ToLower(args.text("query")); query != "" {
		names = slices.DeleteFunc(names, func(full string) bool {
			return !strings.Contains(strings.ToLower(full[len(prefix):]), query)
		})
	}
	order := args.input("orderBy")
	direction := args.text("direction")
	if order.text("field") == "TAG_COMMIT_DATE" {
		slices.SortStableFunc(names, func(a, b string) int { return r.refDate(a).Compare(r.refDate(b)) })
	}
	if order != nil {
		direction = order.text("direction")
	}
	if direction == "DESC" {
		slices.Reverse(names)
	}
	return connect(names, args, func(full string) node { return refNode{r.Repo, full} })
}

// refDate is the date of the commit that a ref leads to.
func (r *Repo) refDate(full string) time.Time {
	if o := r.commitOf(r.objects[r.refs[full]]); o != nil {
		return o.when
	}
	return time.Time{}
}

func (r repoNode) objectField(args arguments) (any, error) {
	if oid := args.given("oid"); oid != nil {
		if !isID(*oid) {
			return nil, &failure{Type: invalidOID, Message: "Argument 'oid' on Field 'object' has an invalid value. Expected type 'GitObjectID'."}
		}
		return r.object(r.objects[*oid]), nil
	}
	rev, path, inTree := strings.Cut(args.text("expression"), ":")
	o := r.revision(rev)
	if !inTree || o == nil {
		return r.object(o), nil
	}
	if o = r.peel(o); o.kind == commitKind {
		o = r.objects[o.tree]
	}
	if o.kind != treeKind {
		return nil, nil
	}
	e, ok := r.at(o.oid, path)
	if !ok {
		return nil, nil
	}
	return r.object(r.objects[e.oid]), nil
}

func (r repoNode) releasesField(args arguments) (any, error) {
	all := r.newestReleases()
	order := args.input("orderBy")
	if order.text("field") == "NAME" {
		slices.SortStableFunc(all, func(a, b *release) int { return strings.Compare(b.tag, a.tag) })
	}
	if order.text("direction") == "ASC" {
		slices.Reverse(all)
	}
	return connect(all, args, func(rel *release) node { return releaseNode{r.Repo, rel} })
}

func (r repoNode) pullsField(args arguments) (any, error) {
	states := args.texts("states")
	all := slices.DeleteFunc(slices.Clone(r.pulls), func(p *pull) bool {
		head, base := args.given("headRefName"), args.given("baseRefName")
		return head != nil && *head != p.Head || base != nil && *base != p.Base ||
			len(states) > 0 && !slices.Contains(states, strings.ToUpper(p.State))
	})
	if args.input("orderBy").text("direction") == "DESC" {
		slices.Reverse(all)
	}
	return connect(all, args, func(p *pull) node { return pullNode{r.Repo, p} })
}

type accountNode struct{ *account }

func (a accountNode) typeName() string { return a.kind }
func (a accountNode) field(_ *execution, name string, _ arguments) (any, error) {
	switch name {
	case "id":
		return a.nodeID(), nil
	case "databaseId":
		return int(a.id), nil
	case "login":
		return a.login, nil
	case "name":
		return nil, nil
	}
	return nil, errNoField
}

func (a *account) nodeID() string { return a.kind[:1] + "_" + strconv.FormatInt(a.id, 10) }

type refNode struct {
	repo *Repo
	full string
}

// parts are the prefix, such as refs/tags/, and the name below it.
func (r refNode) parts() (prefix, name string) {
	i := len("refs/") + strings.IndexByte(r.full[len("refs/"):], '/') + 1
	return r.full[:i], r.full[i:]
}

func (r refNode) nodeID() string {
	return "REF_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%s", r.repo.id, r.full))
}

func (refNode) typeName() string { return "Ref" }
func (r refNode) field(x *execution, name string, args arguments) (any, error) {
	prefix, short := r.parts()
	switch name {
	case "id":
		return r.nodeID(), nil
	case "name":
		return short, nil
	case "prefix":
		return prefix, nil
	case "repository":
		return repoNode{r.repo}, nil
	case "target":
		return r.repo.object(r.repo.objects[r.repo.refs[r.full]]), nil
	case "compare":
		given := args.text("headRef")
		base, head := r.repo.commitOf(r.repo.objects[r.repo.refs[r.full]]), r.repo.commitOf(r.repo.revision(given))
		if base == nil || head == nil {
			return nil, &failure{Type: notFound, Message: fmt.Sprintf("Could not resolve to a Ref with the name '%s'.", given)}
		}
		result := r.repo.compare(base, head)
		if result.mergeBase == nil {
			// REST says so with 404; of which type the error is here is not known.
			return nil, &failure{Message: noAncestor(short, given)}
		}
		return comparisonNode{r.repo, result}, nil
	}
	return nil, errNoField
}

type comparisonNode struct {
	repo *Repo
	*comparison
}

func (comparisonNode) typeName() string { return "Comparison" }
func (c comparisonNode) field(x *execution, name string, args arguments) (any, error) {
	switch name {
	case "id":
		return "C_" + c.base.oid + c.head.oid, nil
	case "status":
		return c.status(), nil
	case "aheadBy":
		return len(c.ahead), nil
	case "behindBy":
		return c.behind, nil
	case "baseTarget":
		return c.repo.object(c.base), nil
	case "headTarget":
		return c.repo.object(c.head), nil
	case "commits":
		oldest := slices.Clone(c.ahead)
		slices.Reverse(oldest)
		return connect(oldest, args, func(o *object) node { return objectNode{c.repo, o} })
	}
	return nil, errNoField
}

type releaseNode struct {
	repo *Repo
	*release
}

func (releaseNode) typeName() string { return "Release" }
func (r releaseNode) field(x *execution, name string, args arguments) (any, error) {
	ref := "refs/tags/" + r.tag
	switch name {
	case "id":
		return "RE_" + strconv.FormatInt(r.id, 10), nil
	case "databaseId":
		return int(r.id % math.MaxInt32), nil
	case "tagName", "name":
		return r.tag, nil
	case "url":
		return r.repo.s.url + "/" + r.repo.fullName() + "/releases/tag/" + r.tag, nil
	case "isDraft":
		return r.Draft, nil
	case "isPrerelease":
		return r.Prerelease, nil
	case "isLatest":
		return r.repo.latestRelease() == r.release, nil
	case "createdAt", "updatedAt":
		return r.created, nil
	case "publishedAt":
		if r.Draft {
			return nil, nil
		}
		return r.Published, nil
	case "tag":
		return r.repo.refAt(ref), nil
	case "tagCommit":
		return r.repo.object(r.repo.commitOf(r.repo.objects[r.repo.refs[ref]])), nil
	case "repository":
		return repoNode{r.repo}, nil
	}
	return nil, errNoField
}
