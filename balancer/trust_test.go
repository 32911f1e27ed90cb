package balancer

import (
	"errors"
	"testing"
)

// TestTrusts asks which clouds of a service get its callers' credentials.
func TestTrusts(t *testing.T) {
	for _, test := range []struct {
		name        string
		onprem, gcp string // trust of the clouds
		service     string // trust of the service
		want        [2]bool
	}{
		{"nothing said", "", "", "", [2]bool{true, true}},
		{"one group", "internal", "internal", "", [2]bool{true, true}},
		{"one group, said twice", "internal", "internal", "internal", [2]bool{true, true}},
		{"two groups", "internal", "partner", "", [2]bool{false, false}},
		{"two groups, for one", "internal", "partner", "internal", [2]bool{true, false}},
		{"two groups, for the other", "internal", "partner", "partner", [2]bool{false, true}},
		{"one cloud without", "internal", "", "", [2]bool{false, false}},
		{"one cloud without, for the other", "internal", "", "internal", [2]bool{true, false}},
	} {
		c := small()
		c.Clouds = map[string]Cloud{"onprem": {Trust: test.onprem}, "gcp": {Trust: test.gcp}}
		c.Services["routing-api"] = Service{Clouds: c.Services["routing-api"].Clouds, Trust: test.service}
		if got := [2]bool{c.trusts("routing-api", "onprem"), c.trusts("routing-api", "gcp")}; got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestTrustOfCloudsApart has two clouds without a trust: as soon as a third has
// one, they don't trust each other either.
func TestTrustOfCloudsApart(t *testing.T) {
	c := small()
	c.Clouds["aws"] = Cloud{}
	if !c.trusts("routing-api", "gcp") {
		t.Error("clouds are apart though nobody spoke of trust")
	}
	c.Clouds["aws"] = Cloud{Trust: "partner"}
	if c.trusts("routing-api", "gcp") || c.trusts("routing-api", "onprem") {
		t.Error("two clouds without a trust count as one group")
	}
}

// TestAttemptSaysWhatItMaySend takes trust, host and the sensitive headers from
// the config in force.
func TestAttemptSaysWhatItMaySend(t *testing.T) {
	c := small()
	c.Sensitive = []string{"x-acme-token"}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	attempt := func() Attempt {
		a, err := r.Pick(t.Context(), Call{Service: "routing-api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.End()
		return a
	}
	if err := r.Drain("gcp"); err != nil { // its name needn't be known then
		t.Fatal(err)
	}
	if a := attempt(); !a.Trusted() || a.CallersHost() {
		t.Errorf("trusted %v, caller's host %v", a.Trusted(), a.CallersHost())
	}
	for header, want := range map[string]bool{"authorization": true, "Cookie": true, "X-ACME-Token": true, "Accept": false, "": false} {
		if r.Sensitive(header) != want {
			t.Errorf("%q is sensitive: %v", header, !want)
		}
	}

	c.Sensitive = nil
	c.Clouds["onprem"], c.Clouds["gcp"] = Cloud{Host: HostCaller}, Cloud{Trust: "partner"}
	if err := r.Update(c); err != nil {
		t.Fatal(err)
	}
	if a := attempt(); a.Trusted() || !a.CallersHost() {
		t.Errorf("after an update: trusted %v, caller's host %v", a.Trusted(), a.CallersHost())
	}
	if r.Sensitive("X-Acme-Token") || !r.Sensitive("Cookie") {
		t.Error("the headers are those of the old config")
	}
}

func TestHasService(t *testing.T) {
	r, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	if has, err := r.HasService("routing-api", HTTP); !has || err != nil {
		t.Errorf("got %v, %v", has, err)
	}
	if has, err := r.HasService("elsewhere", HTTP); has || err != nil {
		t.Errorf("got %v, %v", has, err)
	}
	r.Close()
	if has, err := r.HasService("routing-api", HTTP); has || !errors.Is(err, ErrClosed) {
		t.Errorf("closed: got %v, %v", has, err)
	}
	if !r.Sensitive("Authorization") {
		t.Error("a closed router has no secrets, but attempts under way have")
	}
}
