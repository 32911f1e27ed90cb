// Package admission is what the server sides of the adapters have in common:
// whose class a call is given, whether it is too late or too much, and what the
// server tells its callers about its load.
//
// For each call an adapter asks [Control.Restore] for the class, puts the call's
// deadline into the context, and asks [Control.Enter] whether to take it up:
//
//	ctx, tier := control.Restore(ctx, arrival)
//	if control.Enter(ctx, tier, time.Now()) == admission.Admitted {
//		defer control.Leave()
//		…
//	}
//
// Nobody waits here: a call is taken up or refused at once. A queue would only
// make those that are served late, too.
//
// The package starts no goroutine and reads no clock. A Control may be used by
// any number of goroutines; it takes no lock.
package admission
