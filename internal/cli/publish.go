package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/tree"
)

// pinsBranch is the branch of the pull request that --publish opens.
const pinsBranch = "countersign/pins"

// write replaces the files, after they were published where that was asked for:
// what GitHub refuses is not written here either.
func (p *pinCheck) write(ctx context.Context) (done rewritten, err error) {
	if p.flags.publish != "none" {
		if done.pullRequest, err = p.publishChanges(ctx); err != nil {
			return done, err
		}
	}
	changes := make([]tree.Change, len(p.result.Changes))
	for i, change := range p.result.Changes {
		changes[i] = tree.Change(change)
	}
	if err := p.tree.Replace(changes); err != nil {
		return done, treeError(err)
	}
	for _, change := range changes {
		p.say("wrote", change.Name)
	}
	done.files = len(changes)
	return done, nil
}

// publishChanges makes a commit or a pull request of the changes, through the
// API, so that GitHub signs it.
func (p *pinCheck) publishChanges(ctx context.Context) (url string, err error) {
	if p.options.Own == (pin.Repository{}) {
		return "", usage("set GITHUB_REPOSITORY, or run it in a clone", "it is not known to which repository --publish is to go")
	}
	head, err := p.tree.Head(ctx)
	if err != nil {
		return "", treeError(err)
	}
	if head.Branch == "" {
		return "", usage("give actions/checkout the branch as `ref`", "no branch is checked out that --publish could change")
	}
	publication := github.Publication{
		Repository: p.options.Own, Branch: head.Branch, Head: head.Commit,
		Title: "Pin what is pulled in", Body: changeTable(p.result),
	}
	var names []string
	for _, change := range p.result.Changes {
		names = append(names, change.Name)
		publication.Changes = append(publication.Changes, github.Change{Path: head.Folder + change.Name, Content: change.New})
	}
	if err := p.tree.Clean(ctx, names); err != nil {
		return "", treeError(err)
	}
	if p.flags.publish == "commit" {
		if _, err = p.client.Commit(ctx, publication); err != nil {
			return "", undecided("", "%w", err)
		}
		return "", nil
	}
	if url, _, err = p.client.PullRequest(ctx, publication, pinsBranch); err != nil {
		return "", undecided("", "%w", err)
	}
	return url, nil
}

// changeTable lists in Markdown what becomes what.
func changeTable(result *pin.Result) string {
	changed := map[string]bool{}
	for _, change := range result.Changes {
		changed[change.Name] = true
	}
	var rows [][]string
	for _, ref := range result.Pins {
		if !changed[ref.File] || ref.Replacement == "" {
			continue
		}
		rows = append(rows, []string{
			report.Markdown(fmt.Sprintf("%s:%d", ref.File, ref.Line)), report.Markdown(ref.Text),
			report.Markdown(ref.Replacement), report.Markdown(ref.Version),
		})
	}
	var b strings.Builder
	b.WriteString("Each digest was compared with the tag that it stands for, and a branch or a tag of the repository holds it.\n\n")
	b.WriteString(report.Table([]string{"where", "was", "is", "version"}, rows))
	return b.String()
}
