package cloudgrpc

import (
	"fmt"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
)

// A pick for a method that was picked for before allocates nothing, whatever other
// methods are; and what is remembered is bounded.
func TestAllocCallByMethod(t *testing.T) {
	p := &policy{link: &link{service: "api"}}
	names := []string{"/routing.Routing/Route", "/routing.Routing/Follow", "/routing.Routing/Route"}
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range names {
			p.call(name)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for i := range 2 * mostCalls {
		name := fmt.Sprintf("/made.Up/%d", i)
		if c := p.call(name); c.Service != "api" || c.Protocol != balancer.GRPC || c.Method != name || c.Stream != balancer.ClientStream {
			t.Fatalf("%s: %+v", name, c)
		}
	}
	if n := len(*p.calls.Load()); n != mostCalls {
		t.Errorf("%d calls are remembered", n)
	}
}
