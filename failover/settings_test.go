package failover

import (
	"math"
	"testing"
	"time"
)

func TestSettingsDefaults(t *testing.T) {
	defaults := Settings{Panic: PanicSpread, MinClouds: 1, HoldDown: time.Second, HoldDownMax: 5 * time.Minute, Slope: 0.1, ChangeInterval: time.Minute}
	given := Settings{Panic: PanicFail, MinClouds: 2, HoldDown: 2 * time.Second, HoldDownMax: time.Minute, Slope: 1, ChangeInterval: time.Second}
	for _, tt := range []struct {
		name     string
		in, want Settings
	}{
		{"zero", Settings{}, defaults},
		{"given", given, given},
		{"out of range", Settings{Panic: "perhaps", MinClouds: -1, HoldDown: -1, HoldDownMax: -1, Slope: -1, ChangeInterval: -1}, defaults},
		{"no number", Settings{Slope: math.NaN()}, defaults},
		{"steeper than everything at once", Settings{Slope: 1.5}, defaults},
		{"hold-down above its limit", Settings{HoldDown: time.Hour}, Settings{Panic: PanicSpread, MinClouds: 1, HoldDown: time.Hour, HoldDownMax: time.Hour, Slope: 0.1, ChangeInterval: time.Minute}},
	} {
		if got := tt.in.WithDefaults(); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestBudgetSettingsDefaults(t *testing.T) {
	defaults := BudgetSettings{Fraction: 0.1, Bank: 10 * time.Second, Floor: 0.1}
	given := BudgetSettings{Fraction: 2, Bank: time.Second, Floor: 0.5}
	for _, tt := range []struct {
		name     string
		in, want BudgetSettings
	}{
		{"zero", BudgetSettings{}, defaults},
		{"given", given, given},
		{"out of range", BudgetSettings{Fraction: -1, Bank: -1, Floor: -1}, defaults},
		{"no numbers", BudgetSettings{Fraction: math.NaN(), Floor: math.Inf(1)}, defaults},
	} {
		if got := tt.in.WithDefaults(); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
