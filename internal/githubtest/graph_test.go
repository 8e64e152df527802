package githubtest

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The walk agrees with sets of all ancestors, on graphs with merges, several
// merge bases and several roots.
func TestCompare(t *testing.T) {
	s := New(t)
	seen := map[string]int{}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		r := s.Repo(fmt.Sprintf("acme/graph-%d", seed))
		commits := []*object{r.objects[r.Head("main")]}
		ancestors := map[*object]map[*object]bool{commits[0]: {commits[0]: true}}
		for range 40 {
			parents, reach := []string{}, map[*object]bool{}
			for range random.IntN(8) / 2 { // none at times
				p := commits[max(0, len(commits)-1-random.IntN(8))]
				parents = append(parents, p.oid)
				for a := range ancestors[p] {
					reach[a] = true
				}
			}
			o := r.putCommit(commits[0].tree, "c", r.tick(), parents...)
			reach[o] = true
			commits, ancestors[o] = append(commits, o), reach
		}
		for _, base := range commits {
			for _, head := range commits {
				ahead, behind, common := 0, 0, 0
				for a := range ancestors[head] {
					if ancestors[base][a] {
						common++
					} else {
						ahead++
					}
				}
				for a := range ancestors[base] {
					if !ancestors[head][a] {
						behind++
					}
				}
				want := diverged
				switch {
				case base == head:
					want = identical
				case ancestors[head][base]:
					want = aheadOf
				case ancestors[base][head]:
					want = behindOf
				}
				got := r.compare(base, head)
				if got.status() != want || len(got.ahead) != ahead || got.behind != behind || (got.mergeBase == nil) != (common == 0) {
					t.Fatalf("seed %d: %s, %d ahead, %d behind, merge base %v; want %s, %d, %d", seed,
						got.status(), len(got.ahead), got.behind, got.mergeBase, want, ahead, behind)
				}
				if base := got.mergeBase; base != nil {
					for o := range ancestors[got.base] {
						if o != base && ancestors[head][o] && ancestors[o][base] {
							t.Fatalf("seed %d: %s is no best common ancestor", seed, base.oid)
						}
					}
				}
				seen[want]++
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("the graphs had only %v", seen)
	}
}
