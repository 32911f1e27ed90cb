package cloudgrpc

import (
	"testing"

	"google.golang.org/grpc/connectivity"
)

// A server that says that it doesn't serve just as it has been silent for too long is
// believed, whoever comes first.
func TestPresumedTooLate(t *testing.T) {
	for _, told := range []bool{false, true} {
		conn := new(readyConn)
		c := &child{policy: &policy{closed: true}, conn: conn, state: connectivity.Connecting}
		if told {
			c.serving(conn, errNotServing)
		}
		c.presume(conn)
		if used := c.ready.Load() != nil; used == told {
			t.Errorf("told %v: used %v", told, used)
		}
		c.serving(conn, errNotServing)
		if c.ready.Load() != nil {
			t.Errorf("told %v: used though it doesn't serve", told)
		}
	}
}
