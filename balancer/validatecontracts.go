package balancer

import (
	"strings"

	"github.com/fairlead-go/fairlead/internal/configfile"
	"github.com/fairlead-go/fairlead/sla"
)

func (v *validator) checkContracts(at *configfile.Path) {
	if n := len(v.Contracts); n > maxContracts {
		v.fault(at, "must have at most %d contracts, has %d", maxContracts, n)
		return
	}
	names := make(map[string]int, len(v.Contracts))
	callers := make(map[sla.Caller]int, len(v.Contracts))
	for i, c := range v.Contracts {
		at := at.Index(i)
		if v.doc.Lost(at) {
			continue
		}
		v.checkName(at.Key("name"), c.Name, maxNameLen)
		if j, ok := names[c.Name]; ok && c.Name != "" {
			v.fault(at.Key("name"), "must be given once, is also the name of contracts[%d]", j)
		} else {
			names[c.Name] = i
		}
		named := v.checkParty(at.Key("product"), "product", c.Product)
		named = v.checkParty(at.Key("customer"), "customer", c.Customer) && named
		caller := sla.Caller{Product: c.Product, Customer: c.Customer}
		if j, ok := callers[caller]; ok && named {
			v.fault(at, "must be for a product and customer of its own, has those of contracts[%d]", j)
		} else {
			callers[caller] = i
		}
		if target := at.Key("target"); c.Target == 0 && !v.doc.Has(target) {
			v.fault(target, "must be above 0 and below 1, is not given")
		} else {
			v.properFraction(target, c.Target)
		}
		v.checkWindow(at.Key("window"), c.Window)
	}
}

// checkParty looks at the product or customer of a contract. A contract is with
// somebody, and its calls are found without a search: there are no patterns.
func (v *validator) checkParty(at *configfile.Path, what, party string) bool {
	switch {
	case party == "":
		v.fault(at, "must be a %s, is empty", what)
	case strings.Contains(party, "*"):
		v.fault(at, "must be one %s and not a pattern, is %s", what, configfile.Quote(party))
	default:
		v.checkPattern(at, party)
		return true
	}
	return false
}
