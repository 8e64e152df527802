package githubtest

import "container/heap"

// A comparison is how two commits stand to each other.
type comparison struct {
	base, head *object
	ahead      []*object // what head has and base has not, newest first
	behind     int       // how many base has and head has not
	mergeBase  *object   // nil where they have no common ancestor
}

// Statuses of a comparison, as GraphQL writes them. They are said of the head.
const (
	identical = "IDENTICAL"
	aheadOf   = "AHEAD"
	behindOf  = "BEHIND"
	diverged  = "DIVERGED"
)

func (c *comparison) status() string {
	switch {
	case c.base == c.head:
		return identical
	case c.mergeBase == c.base:
		return aheadOf
	case c.mergeBase == c.head:
		return behindOf
	}
	return diverged
}

// noAncestor is what GitHub says instead of comparing two commits that have
// nothing in common.
func noAncestor(base, head string) string {
	return "No common ancestor between " + base + " and " + head + "."
}

// Which ends of a comparison lead to a commit.
const (
	fromBase = 1 << iota
	fromHead
	fromBoth = fromBase | fromHead
)

// compare walks from both ends at once, deepest commits first. No commit comes
// before one of its children, so a commit's sides are final when it is met, and
// the walk ends once only common ancestors are left: what it costs is what the
// ends differ in, not what the repository holds.
func (r *Repo) compare(base, head *object) *comparison {
	c := &comparison{base: base, head: head}
	sides := map[*object]int{}
	var queue byDepth
	open := 0 // commits in the queue that one end alone leads to, so far
	reach := func(o *object, side int) {
		old := sides[o]
		sides[o] = old | side
		switch {
		case old == 0:
			heap.Push(&queue, o)
			if side != fromBoth {
				open++
			}
		case old != fromBoth && old|side == fromBoth:
			open--
		}
	}
	reach(base, fromBase)
	reach(head, fromHead)
	for open > 0 || c.mergeBase == nil && len(queue) > 0 {
		o := heap.Pop(&queue).(*object)
		switch sides[o] {
		case fromHead:
			open--
			c.ahead = append(c.ahead, o)
		case fromBase:
			open--
			c.behind++
		case fromBoth:
			if c.mergeBase == nil {
				c.mergeBase = o
			}
		}
		for _, p := range o.parents {
			reach(r.objects[p], sides[o])
		}
	}
	return c
}

// byDepth is a heap of commits, the deepest and then the youngest on top.
type byDepth []*object

func (q byDepth) Len() int      { return len(q) }
func (q byDepth) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q byDepth) Less(i, j int) bool {
	if q[i].depth != q[j].depth {
		return q[i].depth > q[j].depth
	}
	return q[i].when.After(q[j].when)
}
func (q *byDepth) Push(x any) { *q = append(*q, x.(*object)) }
func (q *byDepth) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
