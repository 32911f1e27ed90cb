package failover

import "slices"

// Equal reports whether two plans say the same, to the digit and the reason.
func (p Plan) Equal(q Plan) bool {
	return slices.EqualFunc(p.Tiers, q.Tiers, func(a, b TierPlan) bool {
		return a.Tier == b.Tier && a.Fail == b.Fail && slices.Equal(a.Shares, b.Shares)
	})
}
