package sla

import "context"

// Caller is who makes a call and for whom.
type Caller struct {
	// Product is the calling program or team: "dispatch".
	Product string
	// Customer is on whose behalf it calls: "acme". Calls of one customer wait
	// or pass together when a tier is shed.
	Customer string
}

// contextKey is the only key of this package in a context. Tier, caller and
// level share one value, so that a call looks for it once.
type contextKey struct{}

// said is what a context says about a call. It is never changed once it is in
// a context.
type said struct {
	tier    string
	caller  Caller
	level   uint8
	leveled bool // level was given
}

func from(ctx context.Context) *said {
	if s, ok := ctx.Value(contextKey{}).(*said); ok {
		return s
	}
	return &nothing
}

var nothing said

// WithTier returns a context whose calls belong to the tier of that name,
// whatever the rules say. A name that the config does not know counts as none:
// a change of the config must not make calls fail. The empty name takes back
// what the context said before.
func WithTier(ctx context.Context, tier string) context.Context {
	s := *from(ctx)
	s.tier = tier
	return context.WithValue(ctx, contextKey{}, &s)
}

// TierFrom returns the name that WithTier gave and whether it gave one.
func TierFrom(ctx context.Context) (string, bool) {
	s := from(ctx)
	return s.tier, s.tier != ""
}

// WithCaller returns a context whose calls are made by the caller. The rules
// see it, and its customer decides the level unless the context has one of its
// own: see [WithLevel]. The zero Caller takes back what the context said before.
func WithCaller(ctx context.Context, caller Caller) context.Context {
	s := *from(ctx)
	s.caller = caller
	return context.WithValue(ctx, contextKey{}, &s)
}

// CallerFrom returns what WithCaller gave and whether it gave anything.
func CallerFrom(ctx context.Context) (Caller, bool) {
	s := from(ctx)
	return s.caller, s.caller != Caller{}
}

// WithLevel returns a context whose calls have this level, 0…127, whoever makes
// them; more counts as 127. Servers give a call's level to the calls that they
// make for it, so that all of them wait or pass together.
func WithLevel(ctx context.Context, level uint8) context.Context {
	s := *from(ctx)
	s.level, s.leveled = min(level, maxLevel), true
	return context.WithValue(ctx, contextKey{}, &s)
}

// LevelFrom returns the level that WithLevel gave and whether it gave one.
func LevelFrom(ctx context.Context) (level uint8, ok bool) {
	s := from(ctx)
	return s.level, s.leveled
}
