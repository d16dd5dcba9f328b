package health

import (
	"os"
	"path/filepath"
	"testing"
)

// The part that is nearest to its own limit counts; what is no sensor, or a broken
// one, does not; and a machine without any says nothing of it.
func TestHowWarmTheMachineIs(t *testing.T) {
	dir := t.TempDir()
	if h := warmth(dir); h != (Heat{}) || h.Checks() != nil {
		t.Errorf("a machine that cannot tell: %+v", h)
	}
	write := func(zone string, files map[string]string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, zone), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, zone, name), []byte(content+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("thermal_zone0", map[string]string{"temp": "-274000"})
	write("thermal_zone1", map[string]string{"temp": "65261000"})
	write("thermal_zone2", map[string]string{"type": "acpitz"})
	write("cooling_device0", map[string]string{"temp": "99000"})
	write("thermal_zone3", map[string]string{"temp": "79000"}) // no limit of its own
	for _, step := range []struct {
		temp  string
		want  Heat
		state State
		words string
	}{
		{"60000", Heat{79, 100}, Good, "heat.good"},
		{"71000", Heat{71, 90}, Good, "heat.good"},
		{"75000", Heat{75, 90}, Watch, "heat.high"},
		{"85900", Heat{85, 90}, Bad, "heat.over"},
		{"nonsense", Heat{79, 100}, Good, "heat.good"},
	} {
		write("thermal_zone10", map[string]string{"temp": step.temp, "trip_point_0_type": "passive", "trip_point_0_temp": "40000",
			"trip_point_1_type": "critical", "trip_point_1_temp": "90000"})
		h := warmth(dir)
		if c := h.Checks(); h != step.want || len(c) != 1 || c[0].State != step.state || c[0].Words != step.words {
			t.Errorf("at %s: %+v, %+v", step.temp, h, c)
		}
	}
}
