package sla

// Rule gives a tier to the calls that match all of its patterns. The first
// rule that matches a call wins.
//
// In a pattern, * stands for any run of characters, also none and also across
// slashes; every other character stands for itself, in its own case. A pattern
// that is left out matches everything, as * does.
type Rule struct {
	// Product matches the caller's product. Default: any.
	Product string

	// Customer matches the customer that the call is made for. Default: any.
	Customer string

	// Method matches what is called: GET /v1/route over HTTP. Default: any.
	Method string

	// Tier is the name of the tier that matching calls get. Required.
	Tier string
}

// matcher is a Rule made ready for use.
type matcher struct {
	product, customer, method glob
	tier                      int
}

func newMatcher(r Rule, tier int) matcher {
	return matcher{newGlob(r.Product), newGlob(r.Customer), newGlob(r.Method), tier}
}

func (m *matcher) match(caller Caller, method string) bool {
	return m.product.match(caller.Product) &&
		m.customer.match(caller.Customer) &&
		m.method.match(method)
}
