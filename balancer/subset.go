package balancer

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// subset returns n of the endpoints, those that rank highest by a hash of
// address and seed (rendezvous hashing, as gRFC A68 has it). Processes with
// different seeds choose independently of each other, and one that chooses again
// exchanges no more endpoints than have come and gone. The order stays.
func subset(endpoints []Endpoint, n int, seed uint64) []Endpoint {
	if n <= 0 || len(endpoints) <= n {
		return endpoints
	}
	type ranked struct {
		Endpoint
		rank  uint64
		place int
	}
	all := make([]ranked, len(endpoints))
	for i, e := range endpoints {
		all[i] = ranked{e, rank(e, seed), i}
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Compare(b.rank, a.rank) })
	all = all[:n]
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Compare(a.place, b.place) })
	chosen := make([]Endpoint, n)
	for i, r := range all {
		chosen[i] = r.Endpoint
	}
	return chosen
}

func rank(e Endpoint, seed uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(e.String()))
	x := h.Sum64() ^ seed
	// FNV's last bytes hardly reach its high bits; this is the finalizer of
	// splitmix64.
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
