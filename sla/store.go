package sla

import "context"

// Store keeps the snapshots of one process, so that what was counted survives a
// restart. Each process has its own: two that shared one would lose each other's
// counts, while [Merge] adds up those of several.
//
// Its methods are never called by two goroutines at a time. They may take as long
// as the context allows.
type Store interface {
	// Load returns the snapshot that was saved last, the zero Snapshot if none
	// was. An error that wraps [ErrCorrupt] says that what was saved can't be
	// read and never will: the caller goes on without. After any other error it
	// may try again, and must not save until it has loaded.
	Load(context.Context) (Snapshot, error)
	// Save replaces what was saved before, as a whole or, with an error, not at
	// all.
	Save(context.Context, Snapshot) error
}
