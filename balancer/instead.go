package balancer

// instead returns a usable endpoint where e, of cloud c, was chosen and isn't
// usable: one of the same cloud, or of another that may serve, first where no
// attempt was made. If there is none it returns c and e.
//
// Nothing has been sent, so this is neither a retry nor paid as one.
func (s *serviceTable) instead(tier *tierTable, c *cloudTable, e *endpoint, draw uint64, tried []Attempt, usable func(*Endpoint) bool) (*cloudTable, *endpoint) {
	bits := uint32(draw)
	for _, fresh := range []bool{true, false} {
		suits := func(e *endpoint) bool { return usable(&e.Endpoint) && (!fresh || !triedEndpoint(tried, e)) }
		if other := c.find(bits, suits); other != nil {
			return c, other
		}
		has := func(c *cloudTable) bool { return (!fresh || !triedCloud(tried, c.name)) && c.find(bits, suits) != nil }
		for _, recovering := range []bool{false, true} {
			if c := s.drawCloud(tier, draw, recovering, has); c != nil {
				return c, c.find(bits, suits)
			}
		}
		if len(tried) == 0 {
			break
		}
	}
	return c, e
}

// find returns the better of the first two endpoints that suit from a random
// one on, the only one there is, or nil.
func (c *cloudTable) find(bits uint32, suits func(*endpoint) bool) *endpoint {
	n := len(c.endpoints)
	start := int(uint64(bits) * uint64(n) >> 32)
	best := -1
	for k, seen := 0, 0; k < n && seen < 2; k++ {
		i := (start + k) % n
		if !suits(c.endpoints[i]) {
			continue
		}
		seen++
		if best < 0 || c.records[i].Cost() < c.records[best].Cost() {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return c.endpoints[best]
}
