package sla

import (
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	memoSize   = 4096 // entries
	memoLength = 256  // bytes of text in a key, so that all have 1 MiB at most
)

// memo remembers which tier the rules gave. The cache takes a lock for every
// look-up, which is why the classifier asks it only where it must.
type memo struct {
	cache *lru.Cache[memoKey, int]
}

type memoKey struct {
	caller Caller
	method string
}

// short reports whether k may be remembered. Callers choose the strings in it,
// and memory must not depend on them.
func (k *memoKey) short() bool {
	return len(k.caller.Product)+len(k.caller.Customer)+len(k.method) <= memoLength
}

func newMemo() *memo {
	cache, err := lru.New[memoKey, int](memoSize)
	if err != nil {
		panic(err) // it refuses only a size below 1
	}
	return &memo{cache}
}

func (m *memo) get(k memoKey) (tier int, ok bool) { return m.cache.Get(k) }

func (m *memo) add(k memoKey, tier int) {
	// The copies keep no larger string of the caller's alive.
	k.caller.Product = strings.Clone(k.caller.Product)
	k.caller.Customer = strings.Clone(k.caller.Customer)
	k.method = strings.Clone(k.method)
	m.cache.Add(k, tier)
}
