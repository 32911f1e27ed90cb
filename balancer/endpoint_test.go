package balancer

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whoever stays keeps its record, in whichever order the lists are.
func TestStay(t *testing.T) {
	spec := rapid.Custom(func(t *rapid.T) Endpoint {
		return Endpoint{
			Address: rapid.SampledFrom([]string{"1", "2", "3", "4", "5"}).Draw(t, "address"),
			Name:    rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
		}
	})
	list := func(t *rapid.T, label string) []Endpoint {
		specs := rapid.SliceOfNDistinct(spec, 0, 10, rapid.ID[Endpoint]).Draw(t, label)
		if rapid.Bool().Draw(t, "sorted") {
			return sortedByAddress(specs)
		}
		return specs
	}
	rapid.Check(t, func(t *rapid.T) {
		before := make(map[Endpoint]*endpoint)
		var was []*endpoint
		for i, s := range list(t, "was") {
			e := &endpoint{Endpoint: s}
			e.Slot = i
			was = append(was, e)
			before[s] = e
		}
		known := list(t, "known")
		for i, e := range stay(was, known) {
			if e != before[known[i]] {
				t.Fatalf("%+v is %p, want %p", known[i], e, before[known[i]])
			}
		}
	})
}

func sortedByAddress(specs []Endpoint) []Endpoint {
	return slices.SortedStableFunc(slices.Values(specs), func(a, b Endpoint) int { return cmp.Compare(a.Address, b.Address) })
}

func TestSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs := someEndpoints(rapid.IntRange(0, 50).Draw(t, "endpoints"))
		shuffled := rapid.Permutation(specs).Draw(t, "shuffled")
		if got := sorted(slices.Clone(shuffled)); !slices.Equal(got, sortedByAddress(specs)) {
			t.Fatalf("got %+v of %+v", got, shuffled)
		}
	})
}
