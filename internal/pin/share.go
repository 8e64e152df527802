package pin

import (
	"context"

	"github.com/countersign-ci/countersign/internal/report"
)

// share leaves refs as they are that would get in each other's way.
func (c *checker) share(context.Context) error {
	c.shareNotes()
	c.shareMappings()
	return nil
}

// leave leaves a ref as it is.
func (c *checker) leave(v *verdict, problem string) {
	next := v.next
	v.next = nil
	switch {
	case v.target.commit == "" && (c.Write || !c.Config.AllowTags):
		c.fail(v, report.Unpinned, "%s", problem)
	case v.target.commit != "" && v.target.commit != next.commit && c.Write:
		c.fail(v, report.Outdated, "the newest version is %s, but %s", next.version, problem)
	}
}

// shareMappings leaves plugins as they are that would become the key of another
// one in their mapping.
func (c *checker) shareMappings() {
	type key struct {
		file string
		mapping
		text string
	}
	taken := map[key]string{} // what stood there
	for _, v := range c.verdicts {
		if v.mapping.node != 0 && v.next == nil {
			taken[key{v.File, v.mapping, v.Text}] = v.Text
		}
	}
	for _, v := range c.verdicts {
		if v.mapping.node == 0 || v.next == nil {
			continue
		}
		k := key{v.File, v.mapping, v.pinnedText(v.next)}
		if was := taken[k]; was != "" && was != v.Text {
			c.leave(v, "another plugin of its mapping has that commit; put each in an item of its own")
			k.text = v.Text
		}
		taken[k] = v.Text
	}
}

// shareNotes leaves refs as they are whose line has a pin without a version, and
// keeps it: their versions would have to stand in one comment.
func (c *checker) shareNotes() {
	silent := map[*note]bool{}
	for _, v := range c.verdicts {
		if v.note != nil && v.next == nil && v.isSilent() {
			silent[v.note] = true
		}
	}
	for _, v := range c.verdicts {
		if v.next != nil && v.next.style == StyleCommit && silent[v.note] {
			c.leave(v, crowded)
		}
	}
}
