package failover

import "slices"

// Equal reports whether two plans send calls to the same places for the same
// reasons: whether tiers, shares, reasons and what is shed agree to the digit.
// Demand and what it means for the clouds are not compared. They change with
// every estimate.
func (p Plan) Equal(q Plan) bool {
	return slices.EqualFunc(p.Tiers, q.Tiers, func(a, b TierPlan) bool {
		return a.Tier == b.Tier && a.Fail == b.Fail && a.Shed == b.Shed && slices.Equal(a.Shares, b.Shares)
	})
}
