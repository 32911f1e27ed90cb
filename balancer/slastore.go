package balancer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

const (
	saveEvery = 10 * time.Second
	// storeTime is how long a store may take. New and Close wait for it.
	storeTime = 5 * time.Second
)

// WithSLAStore keeps the counts of calls over restarts: they are loaded by New and
// saved every 10 s and by Close, so that a crash loses at most 10 s of them. A
// store that fails stops nothing: the error is logged and shown by
// [Router.Status]. As long as one can't be loaded nothing is saved, so that what
// it has isn't lost; it is tried again every 10 s, and what it then has is added
// to what was counted meanwhile. One that is corrupt is begun anew.
//
//	balancer.WithSLAStore(sla.File("/var/lib/routing/sla"))
//
// New and Close wait for the store for up to 5 s.
func WithSLAStore(store sla.Store) Option {
	return func(r *Router) { r.keeper.store = store }
}

// SLAStoreStatus is how the store of [WithSLAStore] fares.
type SLAStoreStatus struct {
	// Loaded says that what was saved before is in the counts, or that it is
	// known to be corrupt.
	Loaded bool
	// LoadErr says why what was saved before isn't in the counts.
	LoadErr string
	// Saved is when the counts were last saved, zero if they never were.
	Saved time.Time
	// SaveErr says why they weren't the last time.
	SaveErr string
}

// keeper is what the router knows of its store. The store belongs to New, then to
// the goroutine that saves; Router.mu guards the status.
type keeper struct {
	store  sla.Store // nil without WithSLAStore
	status SLAStoreStatus
}

// saving saves the counts until the router is closed.
func (r *Router) saving() {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.save()
		case <-r.closing:
			r.save()
			return
		}
	}
}

// load takes over what was saved, and reports whether there is nothing left to
// be taken over.
func (r *Router) load() bool {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	saved, err := r.keeper.store.Load(ctx)
	if err == nil {
		if err = saved.Validate(); err != nil {
			err = fmt.Errorf("%w: %w", sla.ErrCorrupt, err)
		}
	}
	r.mu.Lock()
	status := &r.keeper.status
	text := textOf(err)
	news := text != status.LoadErr
	status.LoadErr, status.Loaded = text, err == nil || errors.Is(err, sla.ErrCorrupt)
	if err == nil {
		r.ledger.restore(saved, r.wall(r.now()))
	}
	loaded := status.Loaded
	r.mu.Unlock()
	if err != nil && news {
		r.log.Error("the counts of calls before this start could not be loaded", "error", err)
	}
	return loaded
}

// save saves the counts, once those from before are in them.
func (r *Router) save() {
	r.mu.Lock()
	loaded := r.keeper.status.Loaded
	r.mu.Unlock()
	if !loaded && !r.load() {
		return
	}
	r.mu.Lock()
	now := r.wall(r.now())
	counts := r.snapshot(now)
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	err := r.keeper.store.Save(ctx, counts)

	r.mu.Lock()
	status := &r.keeper.status
	text := textOf(err)
	news := text != status.SaveErr
	status.SaveErr = text
	if err == nil {
		status.Saved = now
	}
	r.mu.Unlock()
	if err != nil && news {
		r.log.Error("the counts of calls could not be saved", "error", err)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
