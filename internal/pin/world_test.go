package pin_test

import (
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/pin"
)

// A world is a Server that has every repository, and every tag there. What is
// special follows from the name:
//
//	ghost/…         no such repository
//	…/plain…        no versions of three numbers, so that v4 stays v4
//	…/wide…         digests of 64 digits
//	missing…        no such ref
//	main, branch…   a branch
//	detached…       a tag whose commit no branch holds
//	bad0…           a digest that nothing holds
//	bad1…           that of a tag object
//	bad2…           one that was not found among the first of very many
//	bad3…           one that a tag holds
//	bad4…           one that another branch than the default one holds
//
// A moving tag leads to the newest version that it stands for: v4 to v4.2.2, v4.1
// to v4.1.7.
type world struct {
	detached map[string]string // the tags of digests that no branch holds
	versions []string          // for updates, the newest first
	resolved int               // questions that were asked
}

func (w *world) Resolve(_ context.Context, questions []pin.Question) ([]pin.Answer, error) {
	w.resolved += len(questions)
	answers := make([]pin.Answer, len(questions))
	for i, q := range questions {
		a := &answers[i]
		if strings.EqualFold(q.Repository.Owner, "ghost") {
			a.NoRepository = true
			continue
		}
		switch {
		case q.Tag == "", strings.HasPrefix(q.Tag, "missing"), !plainName.MatchString(q.Tag):
		case q.Tag == "main", strings.HasPrefix(q.Tag, "branch"):
			a.Branch = true
		default:
			a.Tag = w.tag(q.Repository, q.Tag)
		}
		if q.Series != "" && !strings.HasPrefix(q.Repository.Name, "plain") {
			for _, rest := range []string{"2.2", "2.0", "1.7", "1.0"} {
				if strings.Count(q.Series, ".") == 2 {
					rest = rest[2:]
				}
				a.Series = append(a.Series, *w.tag(q.Repository, q.Series+rest))
			}
		}
		a.OnDefault = q.Commit != "" && w.detached[q.Commit] == "" && !strings.HasPrefix(q.Commit, "bad")
		if q.IDs {
			a.RepositoryID, a.OwnerID = 456789, 123456
		}
	}
	return answers, nil
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9._/+=-]+$`)

func (w *world) tag(r pin.Repository, name string) *pin.Tag {
	digest := digestOf(r.String(), name)
	if strings.HasPrefix(name, "detached") {
		if w.detached == nil {
			w.detached = map[string]string{}
		}
		w.detached[digest] = name
	}
	return &pin.Tag{Name: name, Commit: digest}
}

func (w *world) Holders(_ context.Context, commits []pin.Commit) ([]pin.Holder, error) {
	holders := make([]pin.Holder, len(commits))
	for i, c := range commits {
		switch c.SHA[:4] {
		case "bad1":
			holders[i].TagObject = true
		case "bad2":
			holders[i].Partial = true
		case "bad3":
			holders[i].Tag = "v9.9.9"
		case "bad4":
			holders[i].Branch = "releases/v1"
		default:
			holders[i].Tag = w.detached[c.SHA]
		}
	}
	return holders, nil
}

func (w *world) Versions(_ context.Context, repositories []pin.Repository) ([][]pin.Version, error) {
	all := make([][]pin.Version, len(repositories))
	for i, r := range repositories {
		for age, name := range w.versions {
			all[i] = append(all[i], pin.Version{Tag: *w.tag(r, name), Published: now.AddDate(0, 0, -10*age)})
		}
	}
	return all, nil
}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var moving = regexp.MustCompile(`^v?[0-9]+(\.[0-9]+)?$`)

// digestOf returns the commit to which a tag leads, in which the version can be
// seen: v4.2.2 is 422c….
func digestOf(repository, version string) string {
	repository = strings.ToLower(repository)
	owner, name, _ := strings.Cut(repository, "/")
	if !strings.HasPrefix(name, "plain") && moving.MatchString(version) {
		version += map[int]string{0: ".2.2", 1: ".7"}[strings.Count(version, ".")]
	}
	length := 40
	if strings.HasPrefix(name, "wide") {
		length = 64
	}
	sum := sha1.Sum([]byte(owner + "/" + name + "@" + version))
	long := sha256.Sum256(sum[:])
	digits := strings.Join(number.FindAllString(version, 6), "")
	digits = digits[:min(len(digits), 12)] + "c"
	return digits + hex.EncodeToString(long[:])[:length-len(digits)]
}

var number = regexp.MustCompile(`[0-9]+`)

// placeholder stands in golden files for a digest: %acme/widgets@v4.2.2%.
var placeholder = regexp.MustCompile(`%([A-Za-z0-9_/-]+)@([A-Za-z0-9._/+-]+)%`)

// withDigests puts digests in the place of what stands for them.
func withDigests(text []byte) []byte {
	return placeholder.ReplaceAllFunc(text, func(m []byte) []byte {
		parts := placeholder.FindSubmatch(m)
		return []byte(digestOf(string(parts[1]), string(parts[2])))
	})
}

// withoutDigests puts what stands for digests into their place again, as far as
// names of which they can be stand in the texts.
func withoutDigests(text string, names []string) string {
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(b, a)) })
	for _, name := range slices.Compact(names) {
		repository, version, _ := strings.Cut(name, "@")
		text = strings.ReplaceAll(text, digestOf(repository, version), "%"+name+"%")
	}
	return text
}
