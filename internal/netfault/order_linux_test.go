package netfault

import (
	"errors"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
)

// TestOrders makes POSTs that nobody may repeat while the cloud that most of
// them go to falls silent, in either direction. Those that found no connection
// there succeed in the other cloud. Those that were sent and not answered end
// with an error that says so. None is carried out twice.
func TestOrders(t *testing.T) {
	need(t)
	for _, f := range faults[:2] {
		t.Run(f.name, func(t *testing.T) {
			r := strike(t, f, during, &load{rate: 500, caller: &httpCaller{orders: true}})
			unexplained := 0
			for _, err := range r.failures {
				if !errors.Is(err, balancer.ErrAmbiguous) {
					unexplained++
					t.Logf("one failed with %v", err)
				}
			}
			t.Logf("%d orders, %d ambiguous, %d tried again elsewhere, stood still for %v",
				r.calls, len(r.failures)-unexplained, r.retried, r.stood)
			if unexplained > 0 {
				t.Errorf("%d orders failed although they weren't sent", unexplained)
			}
			if r.retried == 0 {
				t.Error("no order was tried again")
			}
			for id, n := range r.effects {
				if n > 1 {
					t.Errorf("order %s was carried out %d times", id, n)
				}
			}
			if done := len(r.effects) + len(r.failures); done < int(r.calls) {
				t.Errorf("%d orders of %d neither were carried out nor failed", int(r.calls)-done, r.calls)
			}
		})
	}
}
