package ivr_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/flow"
)

// quickLine hears everything at once and presses 1.
type quickLine struct{}

func (quickLine) Play(context.Context, *audio.Clip, bool) (bool, error) { return false, nil }
func (quickLine) Music(*audio.Clip)                                     {}
func (quickLine) FlushKeys()                                            {}
func (quickLine) Key(context.Context) (byte, error)                     { return '1', nil }
func (quickLine) Record(context.Context, time.Duration, string) (*audio.Clip, byte, error) {
	return nil, 0, nil
}

// stillLine never presses a key.
type stillLine struct{ quickLine }

func (stillLine) Key(ctx context.Context) (byte, error) { <-ctx.Done(); return 0, ctx.Err() }

const benchSteps = 10 * 8 // rounds times steps in a round

const benchFlow = `start: a
fallback: {queue: help}
attributes: {people: number, needs: list}
tables: {areas: {match: prefix, rows: {"46": {zone: east}, "4601": {zone: centre}}}}
steps:
  a: {say: hello, next: b}
  b: {menu: {"1": c}, say: main.menu, default: g}
  c: {set: {people: {expr: 'number("people") + 1'}, needs: {add: water}, area: "46012"}, next: d}
  d: {when: [{expr: 'number("people") > 1000 and yes("never")', next: g}], else: e}
  e: {lookup: areas, key: area, into: place, next: f, missing: f}
  f: {if: {attribute: place.zone, is: centre}, then: h, else: g}
  h: {split: half, ways: [{percent: 50, next: i}, {percent: 50, next: i}]}
  i: {loop: 9, again: a, done: g}
  g: {queue: help, say: queue.connecting}
`

func benchEngine(b *testing.B) *ivr.Engine {
	b.Helper()
	library, err := shippedPrompts()
	if err != nil {
		b.Fatal(err)
	}
	set, err := flow.ParseSet(map[string]string{"bench": benchFlow})
	if err != nil {
		b.Fatal(err)
	}
	engine, err := ivr.New(ivr.Config{Flows: set, Prompts: library, Languages: []string{"es", "en"}, Log: discard()})
	if err != nil {
		b.Fatal(err)
	}
	return engine
}

// BenchmarkAThousandFlows runs 1,000 calls at once through a flow of eighty
// steps of every cheap kind, in which nobody waits: what remains is the cost of
// the interpreter.
func BenchmarkAThousandFlows(b *testing.B) {
	engine := benchEngine(b)
	b.ReportAllocs()
	for b.Loop() {
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				out, err := engine.Run(context.Background(), quickLine{}, ivr.Start{Flow: "bench", Language: "en"})
				if err != nil || out.Queue != "help" || out.Attributes["people"] != "10" {
					b.Errorf("%+v, %v", out, err)
				}
			})
		}
		calls.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000/benchSteps, "ns/step")
}

// BenchmarkMemoryOfAWaitingFlow is what one dialogue keeps while its caller
// thinks.
func BenchmarkMemoryOfAWaitingFlow(b *testing.B) {
	engine := benchEngine(b)
	for b.Loop() {
		ctx, hangup := context.WithCancel(context.Background())
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				if out, _ := engine.Run(ctx, stillLine{}, ivr.Start{Flow: "bench", Language: "en"}); out.Exit != ivr.ExitLeft {
					b.Errorf("%+v", out)
				}
			})
		}
		for runtime.NumGoroutine() < 1000 {
			runtime.Gosched()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/1000/1024, "kB/flow")
		hangup()
		calls.Wait()
	}
}
