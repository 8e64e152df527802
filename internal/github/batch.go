package github

import (
	"context"
	"errors"
	"slices"
)

// batches calls do with parts of items, at once, such that the costs in each add
// up to at most budget. Where the server says that a part is too much for it, do
// is called with its halves; for one item alone it may not say so.
func batches[T any](ctx context.Context, items []T, budget int, cost func(T) int, do func(context.Context, []T) error) error {
	var parts [][]T
	left := 0
	for i, item := range items {
		if c := cost(item); i == 0 || c > left {
			parts, left = append(parts, nil), budget
		}
		left -= cost(item)
		last := len(parts) - 1
		parts[last] = append(parts[last], item)
	}
	return each(ctx, len(parts), func(ctx context.Context, i int) error { return halving(ctx, parts[i], do) })
}

func halving[T any](ctx context.Context, part []T, do func(context.Context, []T) error) error {
	err := do(ctx, part)
	if !errors.Is(err, errTooMuch) || len(part) < 2 {
		return err
	}
	half := len(part) / 2
	if err := halving(ctx, part[:half], do); err != nil {
		return err
	}
	return halving(ctx, part[half:], do)
}

// together sorts items such that those of one repository are neighbours, in the
// order in which the repositories come first.
func together[T any](items []T, key func(T) string) []T {
	rank := map[string]int{}
	for _, item := range items {
		if _, ok := rank[key(item)]; !ok {
			rank[key(item)] = len(rank)
		}
	}
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b T) int { return rank[key(a)] - rank[key(b)] })
	return sorted
}

// runs calls do for the runs of neighbours with one key.
func runs[T any](items []T, key func(T) string, do func([]T) error) error {
	for len(items) > 0 {
		n := 1
		for n < len(items) && key(items[n]) == key(items[0]) {
			n++
		}
		if err := do(items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// distinct returns the first item of each key, and where in it every item is.
func distinct[T any, K comparable](items []T, key func(T) K) (first []T, index []int) {
	known := map[K]int{}
	for _, item := range items {
		k := key(item)
		i, ok := known[k]
		if !ok {
			i = len(first)
			known[k] = i
			first = append(first, item)
		}
		index = append(index, i)
	}
	return first, index
}

// either asks through GraphQL, and through REST without a token or where the
// server has no GraphQL.
func either[T any](c *Client, graphQL, rest func() (T, error)) (T, error) {
	if c.sender.token != "" && !c.oldServer.Load() {
		v, err := graphQL()
		if !errors.Is(err, errNoGraphQL) {
			return v, err
		}
		c.oldServer.Store(true)
	}
	return rest()
}
