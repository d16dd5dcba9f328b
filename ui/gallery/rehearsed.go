package gallery

import (
	"context"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
)

// rehearsals are those that were kept; nothing calls itself in the gallery.
type rehearsals struct {
	*rehearsal.Keeper
	running bool
}

func (r *rehearsals) Start(string) error { return nil }
func (r *rehearsals) Running() bool      { return r.running }

// rehearsed is what the hotline found when it called itself: once that all is
// well, and once that it is not.
func (s *scene) rehearsed(ctx context.Context) error {
	good := func(words string, values ...string) health.Check {
		return health.Check{State: health.Good, Words: "try." + words, Values: values}
	}
	heard := []rehearsal.Sample{{Language: "es", MuLaw: audio.Tone(440, time.Second, -20).MuLaw()}, {Language: "en", MuLaw: audio.Tone(660, time.Second, -20).MuLaw()}}
	bad := rehearsal.Report{At: time.Now().Add(-3 * time.Hour), Took: 83 * time.Second, Full: true, By: "Chen", Lines: []health.Check{
		{State: health.Bad, Words: "try.line.dead", Values: []string{"line", "carrier"}, Detail: "server sip.example.org does not answer; check the network"},
		{State: health.Bad, Words: "try.flows.silent", Values: []string{"language", "es", "sentence", "main.menu", "flow", "main"}},
		{State: health.Watch, Words: "try.staff.away", Values: []string{"people", "12"}},
		good("greeting.heard", "language", "es"), good("keys.good", "language", "es", "keys", "143", "questions", "48", "calls", "55"), good("keys.shut", "questions", "51"), good("queue.reached", "choice", "help", "keys", "2 1")}}
	well := rehearsal.Report{At: time.Now().Add(-30 * time.Minute), Took: 21 * time.Second, Lines: []health.Check{good("greeting.heard", "language", "en"), good("queue.reached", "choice", "help", "keys", "1 1")}}
	for _, one := range []struct {
		report rehearsal.Report
		heard  []rehearsal.Sample
	}{{bad, heard}, {well, nil}} {
		kept, err := s.rehearsals.Add(ctx, one.report, one.heard)
		if err != nil {
			return err
		}
		s.made["rehearsal"] = kept.ID
	}
	return nil
}
