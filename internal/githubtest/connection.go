package githubtest

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// connect gives the page of a list that a connection's arguments ask for. The
// nodes of other pages are not made.
func connect[T any](all []T, args arguments, make func(T) node) (any, error) {
	from, to := 0, len(all)
	if after := args.given("after"); after != nil {
		n, ok := position(*after)
		if !ok || n >= len(all) {
			return nil, badCursor(*after)
		}
		from = n + 1
	}
	if before := args.given("before"); before != nil {
		n, ok := position(*before)
		if !ok {
			return nil, badCursor(*before)
		}
		to = max(from, min(to, n))
	}
	if first, ok := args.number("first"); ok {
		to = min(to, from+first)
	}
	if last, ok := args.number("last"); ok {
		from = max(from, to-last)
	}
	nodes, edges := []any{}, []any{}
	for i := from; i < to; i++ {
		n := make(all[i])
		nodes = append(nodes, n)
		edges = append(edges, record{"node": n, "cursor": cursor(i)})
	}
	info := record{"hasNextPage": to < len(all), "hasPreviousPage": from > 0, "startCursor": nil, "endCursor": nil}
	if len(nodes) > 0 {
		info["startCursor"], info["endCursor"] = cursor(from), cursor(to-1)
	}
	return record{"totalCount": len(all), "nodes": nodes, "edges": edges, "pageInfo": info}, nil
}

// A cursor says nothing to a client; here it is a position.
func cursor(i int) string {
	return base64.StdEncoding.EncodeToString([]byte("cursor:v2:" + strconv.Itoa(i)))
}

func position(cursor string) (int, bool) {
	text, err := base64.StdEncoding.DecodeString(cursor)
	number, ok := strings.CutPrefix(string(text), "cursor:v2:")
	i, err2 := strconv.Atoi(number)
	return i, err == nil && ok && err2 == nil
}

func badCursor(cursor string) *failure {
	return &failure{Type: "INVALID_CURSOR_ARGUMENTS", Message: "`" + cursor + "` does not appear to be a valid cursor."}
}
