package balancer

// Adapter returns what an adapter keeps for as long as the router is there: the
// value that attach returned when it was first called for the key. A key is of a
// type of the adapter's own, as those of contexts are. attach may call the
// router, but not Adapter.
func (r *Router) Adapter(key any, attach func() any) any {
	r.adaptersMu.Lock()
	defer r.adaptersMu.Unlock()
	kept, ok := r.adapters[key]
	if !ok {
		kept = attach()
		if r.adapters == nil {
			r.adapters = make(map[any]any)
		}
		r.adapters[key] = kept
	}
	return kept
}
