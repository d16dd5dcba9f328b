package call

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func Test2b20NumberForms(t *testing.T) {
	for _, tc := range []struct{ raw, region, want string }{
		{"(202) 555-0147", "US", "+12025550147"},
		{"12", "US", "12"}, // too short to be one: kept as sent
		{"+1 202 456 1111", "US", "+12024561111"},
		{"202/456-1111", "US", "+12024561111"},
		{"0034 912 345 678", "US", "+34912345678"},
		{"912 34 56 78", "ES", "+34912345678"},
		{"anonymous", "US", ""},
		{" ", "US", ""},
		{"robot", "US", "robot"},
	} {
		if got := string(ParseNumber(tc.raw, tc.region)); got != tc.want {
			t.Errorf("ParseNumber(%q, %q) = %q, want %q", tc.raw, tc.region, got, tc.want)
		}
	}
}

func TestNumberNeverPrintsItself(t *testing.T) {
	n := Number("+12024561111")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("call", "from", n)
	for _, out := range []string{log.String(), n.String(), fmt.Sprint(n), fmt.Sprintf("%v %s %q %#v", n, n, n, n)} {
		if strings.Contains(out, "2024561") {
			t.Errorf("the clear number is in %q", out)
		}
	}
}

func TestCauseTravelsInTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	if got := CauseOf(ctx); got != (Cause{}) {
		t.Errorf("a live context has cause %v", got)
	}
	cancel(fmt.Errorf("reading BYE: %w", Cause{By: ByCaller, Reason: "hung up"}))
	if got := CauseOf(ctx); got.By != ByCaller || got.Reason != "hung up" {
		t.Errorf("cause = %+v", got)
	}
	other, stop := context.WithCancelCause(context.Background())
	stop(errors.New("disk"))
	if got := CauseOf(other); got.By != BySystem {
		t.Errorf("cause = %+v, want one by the system", got)
	}
}
