package cloudhttp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrAddressDenied means that a name or an address led to where no endpoint
// can be: to this network link, which is where clouds keep the credentials of
// their machines, or to another address where they do, to no address in particular,
// to many machines at once, or with [DenyLoopback] to this machine. Nothing was sent.
var ErrAddressDenied = errors.New("cloudhttp: no connection is made to such an address")

// guard looks at each address before a connection is made to it, when names
// have been resolved.
type guard struct{ denyLoopback bool }

// control is a net.Dialer's hook of that name.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAddressDenied, err)
	}
	addr := at.Addr().Unmap().WithZone("")
	switch {
	case addr.IsLinkLocalUnicast(), addr.IsMulticast(), addr.IsUnspecified(), addr == broadcast,
		slices.Contains(metadata[:], addr), g.denyLoopback && addr.IsLoopback():
		return fmt.Errorf("%w: %s", ErrAddressDenied, addr)
	}
	return nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// metadata are the addresses at which machines of a cloud get their credentials and
// that aren't link-local. What is around them belongs to networks of users.
var metadata = [...]netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),      // AWS, EC2
	netip.MustParseAddr("fd00:ec2::23"),       // AWS, EKS Pod Identity
	netip.MustParseAddr("fd20:ce::254"),       // Google Cloud
	netip.MustParseAddr("fd00:c1::a9fe:a9fe"), // Oracle
	netip.MustParseAddr("100.100.100.200"),    // Alibaba
}
