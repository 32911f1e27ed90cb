package cloudgrpc

import (
	"syscall"
	"time"
)

// unansweredTimeout is how long what was sent may go without the other host's
// acknowledgement: then the kernel ends the connection, and with it the streams
// that wait for it. Probes send something every now and then.
const unansweredTimeout = 10 * time.Second

const tcpUserTimeout = 18 // RFC 5482; linux/tcp.h

// control prepares a socket before it connects.
func control(network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var err error
	if e := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unansweredTimeout.Milliseconds()))
	}); e != nil {
		return e
	}
	return err
}
