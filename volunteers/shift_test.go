package volunteers_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/lists/liststest"
	"hotline/appliance/operation"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

const shiftPIN = "246813"

// hours is a book of hours with one registrant in it.
func hours(t *testing.T) (*store.Store, *volunteers.Shifts, volunteers.Registrant) {
	t.Helper()
	s := storetest.Open(t)
	accounts, err := roster.Open(s, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g := volunteers.NewRegistry(s, liststest.Open(t, s))
	code, err := g.SaveAnswers(t.Context(), told("c1", "+525512345678"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.ByCode(code)
	if err != nil {
		t.Fatal(err)
	}
	return s, volunteers.NewShifts(s, accounts, "MX"), r
}

// about leaves out the milliseconds by which the store keeps times apart.
func about(d time.Duration) time.Duration { return d.Round(time.Second) }

func setPIN(t *testing.T, b *volunteers.Shifts, id string) {
	t.Helper()
	if err := b.ChoosePIN(t.Context(), id, shiftPIN); err != nil {
		t.Fatal(err)
	}
	if ok, err := b.ConfirmPIN(t.Context(), id, shiftPIN); !ok || err != nil {
		t.Fatalf("confirming the PIN: %v, %v", ok, err)
	}
}

func happened(t *testing.T, s *store.Store, kind string) (n int) {
	t.Helper()
	if err := s.View(func(tx *store.Tx) error {
		n = 0
		for ev := range tx.EventLog(1) {
			if ev.Kind == kind {
				n++
			}
			for _, value := range ev.Data {
				if strings.Contains(value, shiftPIN) || strings.Contains(value, "5512345678") {
					t.Errorf("event %s says %q", ev.Kind, value)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheRegisteredNumberProvesWhoCallsUntilThereIsAPIN(t *testing.T) {
	_, b, r := hours(t)
	wrong := r.Code[:5] + string('0'+(r.Code[5]-'0'+1)%10)
	for _, c := range []struct {
		code, caller, id string
		proven           bool
	}{
		{r.Code, "+525512345678", r.ID, true},
		{r.Code, "5512345678", r.ID, true}, // as the country writes it
		{r.Code, "+525512345679", r.ID, false},
		{r.Code, "", r.ID, false},
		{wrong, "+525512345678", "", false},
		{"100008", "+525512345678", "", false},
		{"", "", "", false},
	} {
		if id, proven, err := b.Who(t.Context(), c.code, c.caller); id != c.id || proven != c.proven || err != nil {
			t.Errorf("code %s from %s: %q, %v, %v", c.code, c.caller, id, proven, err)
		}
	}
	if ok, err := b.Prove(t.Context(), r.ID, shiftPIN); ok || err != nil {
		t.Errorf("a PIN is right before there is one: %v", err)
	}
	for _, weak := range []string{"123", "1234", "7777", "5678", "345678", "12a4", "123456789", r.Code} {
		if err := b.ChoosePIN(t.Context(), r.ID, weak); !errors.Is(err, volunteers.ErrWeakPIN) {
			t.Errorf("the PIN %s: %v", weak, err)
		}
	}
	if err := b.ChoosePIN(t.Context(), r.ID, shiftPIN); err != nil {
		t.Fatal(err)
	}
	if ok, _ := b.Prove(t.Context(), r.ID, shiftPIN); ok {
		t.Error("a PIN counts that was keyed once only")
	}
	if ok, err := b.ConfirmPIN(t.Context(), r.ID, "246814"); ok || err != nil {
		t.Errorf("another PIN confirms it: %v", err)
	}
	setPIN(t, b, r.ID)
	if ok, err := b.Prove(t.Context(), r.ID, shiftPIN); !ok || err != nil {
		t.Errorf("the right PIN: %v, %v", ok, err)
	}
	if _, proven, _ := b.Who(t.Context(), r.Code, "+525512345678"); proven {
		t.Error("the number is proof although there is a PIN")
	}
	if err := b.ChoosePIN(t.Context(), r.ID, "864213"); !errors.Is(err, volunteers.ErrHasPIN) {
		t.Errorf("a PIN is chosen over another: %v", err)
	}
	if ok, err := b.Prove(t.Context(), "", shiftPIN); ok || err != nil {
		t.Errorf("nobody's PIN: %v, %v", ok, err)
	}
}

func TestThreeWrongPINsLockForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, r := hours(t)
		setPIN(t, b, r.ID)
		try := func(pin string) bool {
			t.Helper()
			ok, err := b.Prove(t.Context(), r.ID, pin)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		try("999999")
		try("999998")
		if !try(shiftPIN) {
			t.Fatal("two wrong PINs lock")
		}
		for range 3 {
			try("999999")
		}
		if try(shiftPIN) {
			t.Error("three wrong PINs do not lock")
		}
		if n := happened(t, s, volunteers.EventPINLocked); n != 1 {
			t.Errorf("the lock is told %d times", n)
		}
		time.Sleep(16 * time.Minute)
		if !try(shiftPIN) {
			t.Error("the lock does not end")
		}
	})
}

func TestHoursAreAddedAndNeverChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, r := hours(t)
		ctx := t.Context()
		if _, _, err := b.CheckOut(ctx, r.ID, "c2", volunteers.MethodPIN); !errors.Is(err, volunteers.ErrNotCheckedIn) {
			t.Errorf("the end of no shift: %v", err)
		}
		first, err := b.CheckIn(ctx, r.ID, "c2", volunteers.MethodNumber)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour)
		if _, err := b.CheckIn(ctx, r.ID, "c3", volunteers.MethodPIN); !errors.Is(err, volunteers.ErrCheckedIn) {
			t.Errorf("checking in twice: %v", err)
		}
		done, total, err := b.CheckOut(ctx, r.ID, "c3", volunteers.MethodPIN)
		if err != nil || about(done.Worked()) != 3*time.Hour || about(total) != 3*time.Hour || done.ID != first.ID {
			t.Fatalf("%+v, %s, %v", done, total, err)
		}
		if _, err := b.Correct(ctx, r.ID, first.ID, first.CheckIn, first.CheckIn.Add(-time.Hour), "acc-1", "typo"); !errors.Is(err, volunteers.ErrShiftTimes) {
			t.Errorf("an end before the beginning: %v", err)
		}
		if _, err := b.Correct(ctx, r.ID, first.ID, first.CheckIn, first.CheckIn.Add(time.Hour), "acc-1", ""); !errors.Is(err, volunteers.ErrShiftWhy) {
			t.Errorf("no reason: %v", err)
		}
		right, err := b.Correct(ctx, r.ID, first.ID, first.CheckIn, first.CheckIn.Add(2*time.Hour), "acc-1", "left early")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Correct(ctx, r.ID, first.ID, first.CheckIn, first.CheckIn.Add(time.Hour), "acc-1", "again"); !errors.Is(err, volunteers.ErrNoShift) {
			t.Errorf("correcting what is corrected: %v", err)
		}
		list, err := b.Of(r.ID)
		if err != nil || len(list) != 2 || about(list[0].Worked()) != 3*time.Hour || list[0].CorrectedBy != right.ID || list[1].Worked() != 2*time.Hour || list[1].CorrectionOf != first.ID {
			t.Errorf("after the correction: %+v, %v", list, err)
		}
		if _, err := b.CheckIn(ctx, r.ID, "c4", volunteers.MethodPIN); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, total, err := b.CheckOut(ctx, r.ID, "c5", volunteers.MethodPIN); err != nil || about(total) != 3*time.Hour {
			t.Errorf("all shifts are %s (%v), want 3h: the corrected one does not count", total, err)
		}
		if in, out := happened(t, s, volunteers.EventCheckedIn), happened(t, s, volunteers.EventCheckedOut); in != 2 || out != 2 {
			t.Errorf("%d times in and %d times out are in the log", in, out)
		}
		// What was done is written beside, counts without the break, and is confirmed
		// by somebody until it is written anew.
		if err := operation.Set(ctx, s, operation.Facts{Organisation: "Red Cross"}, "acc-1"); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []volunteers.Work{{Break: 120}, {Break: -1}, {VehicleKM: -3}, {EquipmentHours: math.NaN()}} {
			if _, err := b.Describe(ctx, r.ID, right.ID, wrong, false, "acc-1"); !errors.Is(err, volunteers.ErrShiftWork) {
				t.Errorf("%+v: %v", wrong, err)
			}
		}
		if _, err := b.Describe(ctx, r.ID, first.ID, volunteers.Work{}, false, "acc-1"); !errors.Is(err, volunteers.ErrNoShift) {
			t.Errorf("describing what is corrected: %v", err)
		}
		if _, err := b.Describe(ctx, r.ID, right.ID, volunteers.Work{Job: "Driver", Site: "Depot North", Address: "Mill Road 4", Break: 30, Equipment: "Chain saw", EquipmentHours: 1.25, VehicleKM: 42}, true, "acc-1"); err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := table.WriteCSV(&file, volunteers.ShiftTable(b, liststest.Open(t, s), "Flood")); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file.Bytes(), []byte("\ufeff")))).ReadAll()
		if err != nil || len(rows) != 4 {
			t.Fatalf("%v\n%s", err, file.String())
		}
		cell := func(row int, column string) string { return rows[row][slices.Index(rows[0], column)] }
		for column, want := range map[string]string{"organisation": "Red Cross", "programme": "Flood", "job_title": "Driver", "site_name": "Depot North", "address": "Mill Road 4", "break_min": "30",
			"equipment": "Chain saw", "equipment_hours": "1.25", "vehicle_km": "42", "confirmed_by": "acc-1", "confirmed_at": cell(2, "updated_at"), "deleted": "0"} {
			if got := cell(2, column); got != want {
				t.Errorf("column %s holds %q, want %q", column, got, want)
			}
		}
		if cell(1, "confirmed_at") != "" || cell(3, "break_min") != "0" {
			t.Errorf("other shifts say %v and %v", rows[1], rows[3])
		}
		if people := csvRow(t, volunteers.Table(volunteers.NewRegistry(s, liststest.Open(t, s)))); strings.TrimRight(people["total_hours"], "0") != "2.5" {
			t.Errorf("altogether %s hours, want 2.5", people["total_hours"])
		}
		for i, want := range []string{"3", "1.5", "1"} {
			if got := rows[i+1][6]; strings.TrimRight(strings.TrimRight(got, "0"), ".") != want || rows[i+1][2] != r.Code {
				t.Errorf("row %d is %v, want %s hours", i, rows[i+1], want)
			}
		}
	})
}

func TestAForgottenEndIsProposedAfterTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, r := hours(t)
		running := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { running <- b.Run(ctx) }()
		if _, err := b.CheckIn(t.Context(), r.ID, "c2", volunteers.MethodPIN); err != nil {
			t.Fatal(err)
		}
		last := func() volunteers.Shift {
			t.Helper()
			list, err := b.Of(r.ID)
			if err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			return list[len(list)-1]
		}
		time.Sleep(11 * time.Hour)
		if got := last(); !got.CheckOut.IsZero() || got.Remark != "" {
			t.Errorf("after 11 hours: %+v", got)
		}
		time.Sleep(2 * time.Hour)
		if got := last(); got.Worked() != 12*time.Hour || got.Remark != volunteers.RemarkProposed {
			t.Errorf("after 13 hours: %+v", got)
		}
		time.Sleep(5 * time.Hour)
		if n := happened(t, s, volunteers.EventProposed); n != 1 {
			t.Errorf("the proposal is told %d times", n)
		}
		// Who calls after all says the true end; it stands out all the same.
		got, _, err := b.CheckOut(t.Context(), r.ID, "c3", volunteers.MethodPIN)
		if err != nil || about(got.Worked()) != 18*time.Hour || got.Remark != volunteers.RemarkLong {
			t.Errorf("ended after 18 hours: %+v, %v", got, err)
		}
		// Who begins again without having ended leaves the proposal.
		if _, err := b.CheckIn(t.Context(), r.ID, "c4", volunteers.MethodPIN); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Hour)
		if _, err := b.CheckIn(t.Context(), r.ID, "c5", volunteers.MethodPIN); err != nil {
			t.Fatal(err)
		}
		list, err := b.Of(r.ID)
		if err != nil || len(list) != 3 || list[1].Worked() != 12*time.Hour || list[1].Remark != volunteers.RemarkProposed || !list[2].CheckOut.IsZero() {
			t.Errorf("after beginning again: %+v, %v", list, err)
		}
		cancel()
		if err := <-running; err != nil {
			t.Error(err)
		}
	})
}

// Every column says with which level it leaves the box.
func TestTablesSayTheirLevels(t *testing.T) {
	s := storetest.Open(t)
	for _, tab := range []table.Table{volunteers.Table(volunteers.NewRegistry(s, liststest.Open(t, s))), volunteers.ShiftTable(volunteers.NewShifts(s, nil, "US"), liststest.Open(t, s), "Flood")} {
		if err := tab.Check(); err != nil {
			t.Error(err)
		}
	}
}

// Somebody who has forgotten the PIN begins again as before the first one, and
// the old PIN proves nothing any more.
func TestAPINIsResetByACoordinator(t *testing.T) {
	s, b, r := hours(t)
	setPIN(t, b, r.ID)
	for range 3 { // locked, too
		if ok, err := b.Prove(t.Context(), r.ID, "000000"); ok || err != nil {
			t.Fatalf("a wrong PIN: %v, %v", ok, err)
		}
	}
	if err := b.ResetPIN(t.Context(), r.ID, "acc-1"); err != nil {
		t.Fatal(err)
	}
	if ok, err := b.Prove(t.Context(), r.ID, shiftPIN); ok || err != nil {
		t.Errorf("the old PIN proves: %v, %v", ok, err)
	}
	if id, proven, err := b.Who(t.Context(), r.Code, string(r.Phone)); id != r.ID || !proven || err != nil {
		t.Errorf("from the registered number: %q, %v, %v", id, proven, err)
	}
	if _, proven, err := b.Who(t.Context(), r.Code, "+525599999999"); proven || err != nil {
		t.Errorf("from another number: %v, %v", proven, err)
	}
	setPIN(t, b, r.ID)
	if ok, err := b.Prove(t.Context(), r.ID, shiftPIN); !ok || err != nil {
		t.Errorf("the new PIN: %v, %v", ok, err)
	}
	if n := happened(t, s, volunteers.EventPINReset); n != 1 {
		t.Errorf("%d events tell of it", n)
	}
	if err := b.ResetPIN(t.Context(), "nobody", "acc-1"); err == nil {
		t.Error("the PIN of nobody was reset")
	}
}

// csvRow is the one record of a table by its columns.
func csvRow(t *testing.T, tab table.Table) map[string]string {
	t.Helper()
	var file bytes.Buffer
	if err := table.WriteCSV(&file, tab); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file.Bytes(), []byte("\ufeff")))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v\n%s", err, file.String())
	}
	out := map[string]string{}
	for i, name := range rows[0] {
		out[name] = rows[1][i]
	}
	return out
}
