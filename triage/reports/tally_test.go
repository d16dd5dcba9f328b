package reports

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/triage"
)

// diary writes events down, one after the other.
type diary struct {
	t   testing.TB
	seq uint64
	all []events.Event
}

// on is 2026-03-02, a day without a change of clocks, at the time "15:04:05".
func on(t testing.TB, clock string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateTime, "2026-03-02 "+clock)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (d *diary) add(clock, kind, contact, agent, queue string, data ...string) {
	d.t.Helper()
	d.write(on(d.t, clock), kind, contact, agent, queue, data...)
}

func (d *diary) write(at time.Time, kind, contact, agent, queue string, data ...string) {
	d.seq++
	ev := events.Event{Seq: d.seq, At: at, Kind: kind, Contact: contact, Agent: agent, Queue: queue, Data: map[string]string{}}
	for i := 0; i+1 < len(data); i += 2 {
		ev.Data[data[i]] = data[i+1]
	}
	d.all = append(d.all, ev)
}

func (d *diary) state(clock, agent, state, contact string) {
	d.t.Helper()
	d.add(clock, "agent.state", contact, agent, "", "state", state)
}

func (d *diary) rings(clock, contact, person string) {
	d.t.Helper()
	d.add(clock, "contact.started", contact, "", "", "direction", "in", "person", person)
}

func (d *diary) counted(from, to string) Report {
	d.t.Helper()
	t := newTally(time.UTC)
	for _, ev := range d.all {
		t.apply(ev)
	}
	r, err := t.report(on(d.t, from), on(d.t, to), t.Last)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// aDay is a small day on paper.
//
//	08:00:00  Ana and Ben are ready.
//	c1  Spanish, P1: in the queue 09:01:00, rings at Ana from 09:01:20, talks with
//	    her from 09:01:30, on hold 09:03:00 to 09:04:00, ends 09:06:30; she writes
//	    notes until 09:07:30.
//	c2  English, P2: in the queue 09:10:00, Ben 09:12:00 to 09:16:00, notes to 09:18:00.
//	c3  English, P3: in the queue 09:10:30, gives up 09:12:30.
//	c4  number withheld: in the queue 09:11:00, leaves 09:11:03.
//	c5  P5: in the queue 09:20:00, takes a call-back 09:22:00.
//	c6  P6: is served by the dialogue.   c7  P7: leaves in the menu.
//	c8  a supervisor calls the supervisors' line.
//	c9  P3 again: in the queue 09:50:00, Ana 09:50:10 to 10:05:10, notes to 10:06:10.
//	P4 is refused three times. Both agents go at 11:00:00.
func aDay(t testing.TB) *diary {
	d := &diary{t: t}
	d.add("07:59:00", "hotline.started", "", "", "")
	d.state("08:00:00", "ana", "ready", "")
	d.state("08:00:00", "ben", "ready", "")
	d.rings("09:00:00", "c1", "P1")
	d.add("09:01:00", "queue.entered", "c1", "", "help", "language", "es")
	d.state("09:01:20", "ana", "offered", "c1")
	d.state("09:01:30", "ana", "on_call", "c1")
	d.add("09:01:30", "contact.connected", "c1", "ana", "help")
	d.add("09:03:00", "contact.hold", "c1", "ana", "help")
	d.add("09:04:00", "contact.resumed", "c1", "ana", "help")
	d.state("09:06:30", "ana", "wrap", "c1")
	d.add("09:06:30", "contact.ended", "c1", "ana", "help", "outcome", "answered", "language", "es")
	d.add("09:07:30", "acw.ended", "c1", "ana", "help", "disposition", "info_given")
	d.state("09:07:30", "ana", "ready", "")
	d.rings("09:09:30", "c2", "P2")
	d.add("09:10:00", "queue.entered", "c2", "", "help", "language", "en")
	d.rings("09:10:10", "c3", "P3")
	d.add("09:10:30", "queue.entered", "c3", "", "help", "language", "en")
	d.rings("09:10:40", "c4", "c4")
	d.add("09:11:00", "queue.entered", "c4", "", "help", "language", "en")
	d.add("09:11:03", "queue.abandoned", "c4", "", "help")
	d.add("09:11:03", "contact.ended", "c4", "", "help", "outcome", "abandoned_queue")
	d.add("09:12:00", "contact.connected", "c2", "ben", "help") // the log may have it before the state
	d.state("09:12:00", "ben", "on_call", "c2")
	d.add("09:12:30", "queue.abandoned", "c3", "", "help")
	d.add("09:12:30", "contact.ended", "c3", "", "help", "outcome", "abandoned_queue")
	d.add("09:16:00", "contact.ended", "c2", "ben", "help", "outcome", "answered")
	d.state("09:16:00", "ben", "wrap", "c2")
	d.state("09:18:00", "ben", "ready", "")
	d.rings("09:19:00", "c5", "P5")
	d.add("09:20:00", "queue.entered", "c5", "", "help", "language", "en")
	d.add("09:22:00", "callback.promised", "c5", "", "help")
	d.add("09:22:10", "contact.ended", "c5", "", "help", "outcome", "callback_request")
	d.rings("09:30:00", "c6", "P6")
	d.add("09:31:00", "contact.ended", "c6", "", "", "outcome", "self_service")
	d.rings("09:32:00", "c7", "P7")
	d.add("09:32:20", "contact.ended", "c7", "", "", "outcome", "left_in_ivr")
	d.add("09:33:00", "contact.started", "c8", "", "", "direction", "in", "staff", "yes")
	d.add("09:34:00", "contact.ended", "c8", "", "", "outcome", "supervisor_line")
	d.add("09:40:00", "attempt.rejected", "r1", "", "", "n", "1", "person", "P4")
	d.add("09:41:00", "attempt.rejected", "r1", "", "", "n", "2", "person", "P4")
	d.rings("09:49:30", "c9", "P3")
	d.add("09:50:00", "queue.entered", "c9", "", "help", "language", "en")
	d.state("09:50:10", "ana", "on_call", "c9")
	d.add("09:50:10", "contact.connected", "c9", "ana", "help")
	d.state("10:05:10", "ana", "wrap", "c9")
	d.add("10:05:10", "contact.ended", "c9", "ana", "help", "outcome", "answered")
	d.state("10:06:10", "ana", "ready", "")
	d.state("11:00:00", "ana", "offline", "")
	d.state("11:00:00", "ben", "offline", "")
	return d
}

func near(t *testing.T, what string, got float64, known bool, want float64) {
	t.Helper()
	if !known || got < want-1e-6 || got > want+1e-6 {
		t.Errorf("%s is %v (%v) instead of %v", what, got, known, want)
	}
}

// TestEveryFormulaByHand. On paper:
//
//	attempts      c1 to c7 and c9 are 8 calls of people who seek help, and 3 were
//	              refused: 11
//	people        P1, P2, P3 (twice), c4 (withheld), P5, P6, P7, P4: 8; reached are
//	              P1, P2 and P3: reach rate 3/8
//	offered       c1, c2, c3, c4, c5, c9: 6; handled c1, c2, c9: 3; abandoned c3, c4:
//	              2; promised c5: 1
//	abandonment   2/(6-1) = 0.4
//	ASA           (30 + 120 + 10) s / 3 = 53.333 s
//	abandon time  (120 + 3) s / 2 = 61.5 s
//	AHT           c1: 240 talk + 60 hold + 60 notes; c2: 240 + 120; c9: 900 + 60
//	              = 1680 s / 3 = 560 s
//	service level answered within 60 s: c1, c9 = 2; 3 handled + 2 abandoned - 1
//	              short (c4, 3 s, within 5 s) = 4: 0.5. Within 120 s: 3/4. With short
//	              abandons of 2 minutes both leave the sum: 2/3
//	occupancy     busy 1680 s. Ready: Ana 3680 (08:00:00-09:01:20) + 2560 (09:07:30-
//	              09:50:10) + 3230 (10:06:10-11:00:00) = 9470; Ben 4320 + 6120 = 10440:
//	              1680/(1680+19910) = 0.0778138
//	containment   finished: c1 to c7 and c9 = 8, by the dialogue: c6: 1/8
func TestEveryFormulaByHand(t *testing.T) {
	d := aDay(t)
	f, terms := d.counted("00:00:00", "23:59:59").Total, Agreed()
	for _, count := range []struct {
		name      string
		got, want int
	}{
		{"attempts", f.Attempts, 11}, {"refused", f.Rejected, 3}, {"people", f.People, 8}, {"reached", f.Reached, 3},
		{"offered", f.Offered, 6}, {"handled", f.Handled, 3}, {"abandoned", f.Abandoned, 2}, {"promised", f.Promised, 1},
		{"short abandons", f.ShortAbandons(terms), 1}, {"finished", f.Finished, 8}, {"by the dialogue", f.Self, 1},
	} {
		if count.got != count.want {
			t.Errorf("%s: %d instead of %d", count.name, count.got, count.want)
		}
	}
	rate := func(what string, want float64) func(float64, bool) {
		return func(got float64, known bool) { t.Helper(); near(t, what, got, known, want) }
	}
	span := func(what string, want time.Duration) func(time.Duration, bool) {
		return func(got time.Duration, known bool) { t.Helper(); near(t, what, got.Seconds(), known, want.Seconds()) }
	}
	rate("reach rate", 3.0/8)(f.Reach())
	rate("abandonment", 0.4)(f.Abandonment())
	span("ASA", 53333*time.Millisecond)(f.ASA())
	span("abandon time", 61500*time.Millisecond)(f.AbandonTime())
	span("AHT", 560*time.Second)(f.AHT())
	rate("service level in 60 s", 0.5)(f.ServiceLevel(terms))
	rate("service level in 120 s", 0.75)(f.ServiceLevel(Terms{120 * time.Second, 5 * time.Second}))
	rate("service level without those who left in two minutes", 2.0/3)(f.ServiceLevel(Terms{60 * time.Second, 120 * time.Second}))
	rate("occupancy", 1680.0/21590)(f.Occupancy())
	rate("containment", 0.125)(f.Containment())
	if f.HoldMS != 60_000 || f.TalkMS != 1380_000 || f.WrapMS != 240_000 {
		t.Errorf("talk %d, hold %d, notes %d", f.TalkMS, f.HoldMS, f.WrapMS)
	}

	// Where nothing happened there is no figure, and no zero either.
	var none Figures
	for what, known := range map[string]bool{"reach": second(none.Reach()), "abandonment": second(none.Abandonment()), "ASA": second(none.ASA()),
		"service level": second(none.ServiceLevel(terms)), "occupancy": second(none.Occupancy()), "containment": second(none.Containment())} {
		if known {
			t.Errorf("%s of nothing is a figure", what)
		}
	}
}

func second[T any](_ T, known bool) bool { return known }

// TestByQueueAgentLanguageAndHour: Ana took c1 and c9: (360 + 960) s / 2 = 660 s;
// she waited for nobody longer than 30 s. Spanish is c1 alone. Of the busy time,
// 360 (c1) + 360 (c2) + 590 (c9 until 10:00:00) = 1310 s are between nine and ten,
// and 310 + 60 = 370 s after; c9 counts for the hour in which it entered.
func TestByQueueAgentLanguageAndHour(t *testing.T) {
	r := aDay(t).counted("00:00:00", "23:59:59")
	row := func(list []Row, id string) Figures {
		t.Helper()
		for _, one := range list {
			if one.ID == id {
				return one.Figures
			}
		}
		t.Fatalf("no %q in %v", id, list)
		return Figures{}
	}
	help := row(r.Queues, "help")
	if help.Offered != 6 || help.Handled != 3 || help.Abandoned != 2 || help.Promised != 1 || help.TalkMS+help.HoldMS+help.WrapMS != 1680_000 {
		t.Errorf("the queue for help: %+v", help)
	}
	ana := row(r.Agents, "ana")
	aht, known := ana.AHT()
	near(t, "Ana's AHT", aht.Seconds(), known, 660)
	busy, known := ana.Occupancy()
	near(t, "Ana's occupancy", busy, known, 1320.0/(1320+9470))
	const s = 1000 // Ana, on paper: three times ready, rings once for 10 s, two calls of 300 and 900 s, notes of a minute each
	if got := fmt.Sprint(ana.StayedIn()); got != fmt.Sprint([]StateStay{{triage.OnCall, Stay{2, 1200 * s, 900 * s}}, {triage.WrapUp, Stay{2, 120 * s, 60 * s}},
		{triage.Ready, Stay{3, 9470 * s, 3680 * s}}, {triage.Offered, Stay{1, 10 * s, 10 * s}}}) {
		t.Errorf("Ana's time by state: %s", got)
	}
	if mean, known := ana.StayedIn()[0].Mean(); mean != 10*time.Minute || !known || r.Total.Stays != nil {
		t.Errorf("a call of hers lasts %v; the whole room has %v", mean, r.Total.Stays)
	}
	if es := row(r.Languages, "es"); es.Offered != 1 || es.Handled != 1 || es.TalkMS != 240_000 {
		t.Errorf("Spanish: %+v", es)
	}
	if en := row(r.Languages, "en"); en.Offered != 5 || en.Handled != 2 || en.Abandoned != 2 {
		t.Errorf("English: %+v", en)
	}
	if len(r.Hours) != 24 || len(r.Days) != 1 || r.Days[0].Figures != r.Total {
		t.Fatalf("%d hours and %d days", len(r.Hours), len(r.Days))
	}
	nine, ten := r.Hours[9], r.Hours[10]
	if nine.BusyMS != 1310_000 || ten.BusyMS != 370_000 || nine.Handled != 3 || ten.Handled != 0 || nine.AvailableMS+ten.AvailableMS+r.Hours[8].AvailableMS != 19910_000 {
		t.Errorf("nine: %+v\nten: %+v", nine.Figures, ten.Figures)
	}
}

// TestReachedLater: P5, who was promised a call-back, is called the next day and
// talks with Ben: of the eight who tried on Monday, four are reached. A machine
// that answers for P7 is nobody.
func TestReachedLater(t *testing.T) {
	d := aDay(t)
	for i, one := range []struct{ contact, person, disposition string }{{"o1", "P5", "info_given"}, {"o2", "P7", "not_reached"}} {
		at := on(t, "09:00:00").Add(24*time.Hour + time.Duration(i)*10*time.Minute)
		d.write(at, "contact.started", one.contact, "", "", "direction", "out", "person", one.person)
		d.write(at, "agent.state", one.contact, "ben", "", "state", "on_call")
		d.write(at.Add(20*time.Second), "contact.reached", one.contact, "ben", "help")
		d.write(at.Add(20*time.Second), "contact.connected", one.contact, "ben", "help")
		d.write(at.Add(2*time.Minute), "agent.state", one.contact, "ben", "", "state", "wrap")
		d.write(at.Add(2*time.Minute), "contact.ended", one.contact, "ben", "help", "outcome", "answered")
		d.write(at.Add(3*time.Minute), "acw.ended", one.contact, "ben", "help", "disposition", one.disposition)
		d.write(at.Add(3*time.Minute), "agent.state", "", "ben", "", "state", "ready")
	}
	if f := d.counted("00:00:00", "23:59:59").Total; f.People != 8 || f.Reached != 4 || f.CallsOut != 0 {
		t.Errorf("Monday: %d people, %d reached", f.People, f.Reached)
	}
	tally := newTally(time.UTC)
	for _, ev := range d.all {
		tally.apply(ev)
	}
	r, err := tally.report(on(t, "00:00:00").Add(24*time.Hour), on(t, "00:00:00").Add(48*time.Hour), tally.Last)
	if f := r.Total; err != nil || f.CallsOut != 2 || f.CallsOutReached != 2 || f.Handled != 0 || f.BusyMS != 360_000 || f.Attempts != 0 {
		t.Errorf("Tuesday: %+v, %v", f, err)
	}
	if len(tally.Contacts) != 0 {
		t.Errorf("contacts that are over are kept: %v", tally.Contacts)
	}
}

// TestSentOnAndTakenOver: c1 is offered to help, talks with Ana for 60 s, is sent
// to the volunteers' line, waits 90 s there and talks with Ben for 120 s. The
// hotline has handled one contact; each line has handled one. Cid, who listens
// for 30 s and then takes over from Ben for 40 s, is busy for 40 s.
func TestSentOnAndTakenOver(t *testing.T) {
	d := &diary{t: t}
	for _, who := range []string{"ana", "ben", "cid"} {
		d.state("08:00:00", who, "ready", "")
	}
	d.rings("09:00:00", "c1", "P1")
	d.add("09:00:00", "queue.entered", "c1", "", "help", "language", "en")
	d.state("09:00:10", "ana", "on_call", "c1")
	d.add("09:00:10", "contact.connected", "c1", "ana", "help")
	d.state("09:01:10", "ana", "wrap", "c1")
	d.add("09:01:10", "queue.entered", "c1", "", "volunteers", "language", "en")
	d.state("09:01:20", "ana", "ready", "")
	d.state("09:02:40", "ben", "on_call", "c1")
	d.add("09:02:40", "contact.connected", "c1", "ben", "volunteers")
	d.add("09:04:10", "contact.monitored", "c1", "ben", "volunteers", "mode", "listen")
	d.all[len(d.all)-1].By = "cid"
	d.state("09:04:10", "cid", "on_call", "c1")
	d.add("09:04:40", "contact.connected", "c1", "cid", "volunteers")
	d.state("09:04:40", "ben", "ready", "")
	d.state("09:05:20", "cid", "wrap", "c1")
	d.add("09:05:20", "contact.ended", "c1", "cid", "volunteers", "outcome", "answered")
	d.state("09:05:20", "cid", "ready", "")
	r := d.counted("00:00:00", "23:59:59")
	if f := r.Total; f.Offered != 1 || f.Handled != 1 || f.QueueMS != 10_000 || f.TalkMS != (60+120+40)*1000 || f.WrapMS != 10_000 || f.BusyMS != (60+120+40+10)*1000 {
		t.Errorf("the hotline: %+v", f)
	}
	if len(r.Queues) != 2 || r.Queues[0].Handled != 1 || r.Queues[0].TalkMS != 60_000 || r.Queues[1].Handled != 1 || r.Queues[1].QueueMS != 90_000 || r.Queues[1].TalkMS != 160_000 {
		t.Errorf("the lines: %+v", r.Queues)
	}
	if cid := r.Agents[2]; cid.BusyMS != 40_000 || cid.TalkMS != 40_000 || cid.Handled != 1 {
		t.Errorf("Cid: %+v", cid)
	}
}

// TestPowerCut: Ana talks and Ben is ready when the box stops at 09:10:00, its
// last event. It starts at 09:30:00. Nobody worked in between, and the caller is
// neither answered twice nor abandoned.
func TestPowerCut(t *testing.T) {
	d := &diary{t: t}
	d.state("09:00:00", "ana", "ready", "")
	d.state("09:00:00", "ben", "ready", "")
	d.rings("09:04:00", "c1", "P1")
	d.add("09:05:00", "queue.entered", "c1", "", "help", "language", "en")
	d.state("09:05:00", "ana", "on_call", "c1")
	d.add("09:05:00", "contact.connected", "c1", "ana", "help")
	d.rings("09:09:00", "c2", "P2")
	d.add("09:10:00", "queue.entered", "c2", "", "help", "language", "en")
	d.add("09:30:00", "hotline.started", "", "", "")
	d.add("09:30:00", "contact.ended", "c1", "", "help", "outcome", "interrupted")
	d.add("09:30:00", "contact.ended", "c2", "", "help", "outcome", "interrupted")
	d.state("09:31:00", "ana", "ready", "")
	d.state("09:32:00", "ana", "offline", "")
	if f := d.counted("00:00:00", "23:59:59").Total; f.Handled != 1 || f.Abandoned != 0 || f.Offered != 2 || f.TalkMS != 300_000 || f.BusyMS != 300_000 || f.AvailableMS != (5+10+1)*60_000 {
		t.Errorf("%+v", f)
	}
}

// world writes a random day in which anything may happen to contacts and agents,
// also what no program would write.
func world(t testing.TB, seed uint64, events int) *diary {
	d := &diary{t: t}
	r := rand.New(rand.NewPCG(seed, 3))
	at := on(t, "00:00:00")
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for range events {
		at = at.Add(time.Duration(r.IntN(40_000)) * time.Millisecond)
		contact, who, queue := "c"+strconv.Itoa(r.IntN(12)+int(d.seq/200)*6), pick("ana", "ben", "cid"), pick("help", "volunteers")
		kind := pick("contact.started", "queue.entered", "queue.entered", "queue.abandoned", "callback.promised", "contact.connected", "contact.connected",
			"contact.hold", "contact.resumed", "contact.ended", "agent.state", "agent.state", "agent.state", "attempt.rejected", "offer.missed", "contact.monitored", "acw.ended", "contact.reached", "hotline.started")
		if kind == "hotline.started" && r.IntN(20) > 0 {
			kind = "agent.state"
		}
		d.write(at, kind, contact, who, queue, "state", pick("ready", "on_call", "wrap", "break", "offline", "offered"), "direction", pick("in", "in", "in", "out"),
			"language", pick("en", "es"), "person", "p"+strconv.Itoa(r.IntN(30)), "n", strconv.Itoa(r.IntN(3)),
			"outcome", pick("answered", "abandoned_queue", "self_service", "interrupted"), "disposition", pick("info_given", "not_reached"))
		d.all[len(d.all)-1].By = who
	}
	return d
}

// TestOneByOneIsAllAtOnce: counted as the events come, with looks in between and
// with stops after which the counting goes on from what was kept, the figures
// are those of counting everything at once.
func TestOneByOneIsAllAtOnce(t *testing.T) {
	for seed := range uint64(8) {
		d := world(t, seed, 1500)
		once := newTally(time.UTC)
		for _, ev := range d.all {
			once.apply(ev)
		}
		r := rand.New(rand.NewPCG(seed, 4))
		kept := map[string]string{} // the table of hours
		live := newTally(time.UTC)
		load := func(key string) (hour, error) {
			var h hour
			if kept[key] == "" {
				return nil, nil
			}
			return h, json.Unmarshal([]byte(kept[key]), &h)
		}
		live.load = load
		for _, ev := range d.all {
			live.apply(ev)
			switch r.IntN(60) {
			case 0: // somebody looks
				if _, err := live.sofar(ev.At.Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			case 1: // kept, and read again
				for key, h := range live.hours {
					kept[key] = text(t, h)
				}
				next := newTally(time.UTC)
				if err := json.Unmarshal([]byte(text(t, live)), next); err != nil {
					t.Fatal(err)
				}
				next.load = load
				live = next
			}
		}
		end := once.Last.Add(time.Hour)
		want, err := once.report(on(t, "00:00:00"), end, end)
		if err != nil {
			t.Fatal(err)
		}
		got, err := live.report(on(t, "00:00:00"), end, end)
		if err != nil {
			t.Fatal(err)
		}
		if text(t, got) != text(t, want) {
			t.Fatalf("seed %d: one by one\n%s\nall at once\n%s", seed, text(t, got.Total), text(t, want.Total))
		}
		if f := want.Total; f.Handled+f.Abandoned+f.Promised > f.Offered || f.Reached > f.People || f.TalkMS < 0 || f.HoldMS < 0 || f.WrapMS < 0 {
			t.Fatalf("seed %d: %+v", seed, f)
		}
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
