package ivr_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/ivr"
	"hotline/ivr/flow"
)

// asked is a flow that only asks one thing and then takes one of several ways.
const begin = "start: a\nfallback: {queue: volunteers}\n"

// ways end the calls of these tests, each in its own way.
const endings = `
  one: {hangup: one, say: goodbye}
  two: {hangup: two, say: goodbye}
  three: {hangup: three, say: goodbye}
  four: {hangup: four, say: goodbye}
  five: {queue: help}
`

// TestSteps acts out each kind of step on every way out of it. The clock of
// these tests begins on Saturday, 1 January 2000, 00:00 UTC.
func TestSteps(t *testing.T) {
	const callBack = `steps:
  a:
    callback: help
    priority: 3
    ask: [callback.readback, {digits: caller.number}, entry.confirm]
    say: callback.number
    confirm: [callback.readback, {digits: callback.number}, entry.confirm]
    invalid_say: entry.short
    first: 5s
    between: 3s
    next: one
    silence: two
    error: five
`
	const voicemail = `steps:
  a:
    voicemail: help
    say: volunteer.story
    max: 60s
    min: 2s
    short_say: record.short
    next: one
    silence: two
    error: five
`
	const staffing = "steps:\n  a: {staffing: help, available: one, busy: two, nobody: three, long: four, long_wait: 2m, error: five}\n"
	const hours = `schedules:
  office:
    zone: UTC
    week: {mon-fri: 08:00-22:00, sat: ["10:00-12:00", "14:00-18:00"]}
    dates:
      - {on: 01-01, say: alert.general}
      - {from: 2000-01-03, to: 2000-01-04, hours: 12:00-13:00}
steps:
  a: {hours: office, open: one, closed: two, holiday: three}
`
	const bulletins = "steps:\n  a: {bulletins: all, say: volunteer.bye, keys: {\"9\": five}, next: one, none: two, error: four}\n"
	const expression = `steps:
  a: {set: {people: {expr: 'number("adults") + number("children")'}, urgent: {expr: 'yes("hurt") or number("children") > 2'}}, next: b}
  b:
    when:
      - {expr: 'number("people") >= 5 and urgent_is == true', next: one}
    else: two
`
	for _, tc := range []struct{ name, steps, script string }{
		{"hours: a holiday has its own words", hours, "hear alert.general.es\nhear goodbye.es\nexpect exit hangup three"},
		{"hours: closed on a Sunday", hours, "later 24h\nhear goodbye.es\nexpect exit hangup two\nexpect attribute hours.opens 2000-01-03T12:00:00Z"},
		{"hours: a day with hours of its own", hours, "later 60h30m\nhear goodbye.es\nexpect exit hangup one"},
		{"hours: outside the hours of such a day", hours, "later 58h\nhear goodbye.es\nexpect exit hangup three"},
		{"hours: open on a Wednesday evening", hours, "later 117h\nhear goodbye.es\nexpect exit hangup one"},
		{"hours: closed on Wednesday night", hours, "later 119h\nhear goodbye.es\nexpect exit hangup two"},
		{"hours: the pause on the next Saturday", hours, "later 181h\nhear goodbye.es\nexpect exit hangup two\nexpect attribute hours.opens.minutes 60"},

		{"staffing: somebody is free", staffing, "staffing 3 2 1 1 1m\nhear goodbye.es\nexpect exit hangup one\nexpect attribute staffing.signed_in 3"},
		{"staffing: all are busy", staffing, "staffing 3 0 3 1 90s\nhear goodbye.es\nexpect exit hangup two\nexpect attribute queue.wait 2\nexpect attribute staffing.busy 3"},
		{"staffing: free, but others are before", staffing, "staffing 3 1 2 1 10s\nhear goodbye.es\nexpect exit hangup two"},
		{"staffing: the wait is long", staffing, "staffing 3 0 3 9 7m\nhear goodbye.es\nexpect exit hangup four\nexpect attribute queue.waiting 9"},
		{"staffing: nobody is there", staffing, "staffing 0 0 0 0 0s\nhear goodbye.es\nexpect exit hangup three"},
		{"staffing: nobody knows", staffing, "broken\nexpect exit queue help"},

		{"callback: the number shown", callBack, "given caller.number +34600111222\nhear callback.readback.es\nhear digits 34600111222 es\nhear entry.confirm.es\npress 1\nhear goodbye.es\nexpect exit hangup one\nexpect promise +34600111222 help 3 14s"},
		{"callback: silence agrees", callBack, "given caller.number +34600111222\nhear callback.readback.es\nhear digits 34600111222 es\nhear entry.confirm.es\nsilence\nhear goodbye.es\nexpect exit hangup one\nexpect promise +34600111222 help 3 19s"},
		{"callback: another number, keyed wrong first", callBack, "given caller.number +34600111222\nhear callback.readback.es\nhear digits 34600111222 es\nhear entry.confirm.es\npress 2\nhear callback.number.es\npress 5551234567#\nhear callback.readback.es\nhear digits 5551234567 es\nhear entry.confirm.es\npress 2\nhear callback.number.es\npress 5559876543#\nhear callback.readback.es\nhear digits 5559876543 es\nhear entry.confirm.es\npress 1\nhear goodbye.es\nexpect exit hangup one\nexpect attribute callback.number 5559876543"},
		{"callback: nothing shown, nothing keyed", callBack, "given caller.withheld yes\nhear callback.number.es\nsilence\nhear entry.short.es\nhear callback.number.es\nsilence\nhear entry.short.es\nhear callback.number.es\nsilence\nhear goodbye.es\nexpect exit hangup two\nexpect promise"},
		{"callback: it cannot be kept", callBack, "broken\ngiven caller.number +34600111222\nhear callback.readback.es\nhear digits 34600111222 es\nhear entry.confirm.es\npress 1\nexpect exit queue help"},

		{"voicemail: kept", voicemail, "hear volunteer.story.es\nhear beep\nspeak 20s\npress #\nhear goodbye.es\nexpect exit hangup one\nexpect message help 20s es"},
		{"voicemail: what was said before a hang-up counts", voicemail, "hear volunteer.story.es\nhear beep\nspeak 9s\nhangup\nexpect exit left\nexpect message help 9s es"},
		{"voicemail: nothing was said", voicemail, "hear volunteer.story.es\nhear beep\nspeak 1s\npress #\nhear record.short.es\nhear volunteer.story.es\nhear beep\nspeak 1s\npress #\nhear goodbye.es\nexpect exit hangup two\nexpect message"},
		{"voicemail: it cannot be kept", voicemail, "broken\nhear volunteer.story.es\nhear beep\nspeak 20s\npress #\nexpect exit queue help"},

		{"bulletins: all of them", bulletins, "bulletins 3s 5s\nhear volunteer.bye.es\nhear announcement 3s\nhear announcement 5s\nhear goodbye.es\nexpect exit hangup one"},
		{"bulletins: one is skipped", bulletins, "bulletins 3s 5s\nhear volunteer.bye.es\npress #\nhear announcement 5s\nhear goodbye.es\nexpect exit hangup one"},
		{"bulletins: a key leaves", bulletins, "bulletins 3s 5s\nhear volunteer.bye.es\nhear announcement 3s\npress 9\nexpect exit queue help\nexpect keys 9"},
		{"bulletins: none is valid", bulletins, "hear goodbye.es\nexpect exit hangup two"},
		{"bulletins: they cannot be read", bulletins, "broken\nhear goodbye.es\nexpect exit hangup four"},

		{"lookup: the longest beginning counts", "tables: {areas: {match: prefix, rows: {\"46\": {zone: east}, \"4601\": {zone: centre}}}}\nsteps:\n  a: {lookup: areas, key: area, into: place, next: one, missing: two}\n",
			"given area 46012\nhear goodbye.es\nexpect exit hangup one\nexpect attribute place.zone centre"},
		{"lookup: nothing is left of an earlier one", "tables: {areas: {rows: {\"46\": {zone: east}}}}\nsteps:\n  a: {set: {place.zone: old}, next: b}\n  b: {lookup: areas, key: area, into: place, next: one, missing: two}\n",
			"given area 460\nhear goodbye.es\nexpect exit hangup two\nexpect attribute place.zone"},

		{"http: the answer", "steps:\n  a: {http: https://board.example.org/x, send: area, take: {shelter: list.0.name, free: list.0.beds}, next: one, error: two}\n",
			"answer {\"list\":[{\"name\":\"School\",\"beds\":12}]}\nhear goodbye.es\nexpect exit hangup one\nexpect attribute shelter School\nexpect attribute free 12"},
		{"http: half an answer is none", "steps:\n  a: {http: https://board.example.org/x, take: {shelter: name, free: beds}, next: one, error: two}\n",
			"answer {\"name\":\"School\"}\nhear goodbye.es\nexpect exit hangup two\nexpect attribute shelter"},
		{"http: no answer", "steps:\n  a: {http: https://board.example.org/x, next: one, error: two}\n", "broken\nhear goodbye.es\nexpect exit hangup two"},

		{"transfer: they talked", "steps:\n  a: {transfer: \"+34 900 000 000\", say: queue.connecting, next: one, failed: two}\n",
			"hear queue.connecting.es\nhear goodbye.es\nexpect exit hangup one\nexpect dialled +34900000000"},
		{"transfer: nobody answered", "steps:\n  a: {transfer: \"+34 900 000 000\", next: one, failed: two}\n", "broken\nhear goodbye.es\nexpect exit hangup two"},

		{"expression: what is computed", strings.ReplaceAll(expression, "urgent_is == true", `yes("urgent")`),
			"given adults 2\ngiven children 3\nhear goodbye.es\nexpect exit hangup one\nexpect attribute people 5\nexpect attribute urgent yes"},
		{"expression: what is missing counts nothing", strings.ReplaceAll(expression, "urgent_is == true", `yes("urgent")`),
			"hear goodbye.es\nexpect exit hangup two\nexpect attribute people 0\nexpect attribute urgent no"},
		{"expression: what cannot be computed changes nothing", "steps:\n  a: {set: {x: \"7\"}, next: b}\n  b: {set: {x: {expr: '10 % number(\"none\")'}}, next: c}\n  c: {if: {expr: '10 % number(\"none\") > 0'}, then: two, else: one}\n",
			"hear goodbye.es\nexpect exit hangup one\nexpect attribute x 7"},

		{"loop: so many times", "steps:\n  a: {say: menu.invalid, next: b}\n  b: {loop: 2, again: a, done: one}\n",
			"hear menu.invalid.es\nhear menu.invalid.es\nhear menu.invalid.es\nhear goodbye.es\nexpect exit hangup one"},
		{"forget: gone before it is stored", "attributes: {story: text, area: text}\nsteps:\n  a: {set: {story: told, area: \"46\"}, next: b}\n  b: {forget: story, next: one}\n",
			"hear goodbye.es\nexpect exit hangup one\nexpect kept story\nexpect kept area 46"},
		{"attributes: only what is declared is kept, and nothing sensitive", "attributes: {code: {sensitive: true}, note: {keep: false}, people: number}\nsteps:\n  a: {collect: code, min: 4, max: 4, next: b}\n  b: {set: {note: x, people: \"3\", loose: y}, next: one}\n",
			"press 4711\nhear goodbye.es\nexpect attribute code\nexpect kept code\nexpect kept note\nexpect kept loose\nexpect kept people 3\nexpect attribute loose y"},
		{"attributes: what is of another type is refused", "attributes: {people: number, when: date}\nsteps:\n  a: {set: {people: \"3\"}, next: b}\n  b: {set: {people: {from: word}}, next: c}\n  c: {collect: when, min: 8, max: 8, retries: 1, invalid_say: entry.short, next: one, silence: two}\n",
			"given word many\npress 31022026\nhear entry.short.es\npress 28022026\nhear goodbye.es\nexpect exit hangup one\nexpect attribute people 3\nexpect attribute when 2026-02-28"},
		{"queue: priority, skills and language of the contact", "steps:\n  a: {set: {contact.priority: \"2\", contact.skills: screened, language: en}, next: b}\n  b: {queue: help, skills: medical, say: queue.connecting}\n",
			"hear queue.connecting.en\nexpect exit queue help\nexpect priority 2\nexpect skills medical screened\nexpect language en"},
		{"queue: its own priority comes first", "steps:\n  a: {set: {contact.priority: \"2\"}, next: b}\n  b: {queue: help, priority: 9}\n", "expect exit queue help\nexpect priority 9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, oneFlow(t, begin+tc.steps+used(tc.steps)))
				s.start.Flow = "test"
				s.play("script", tc.script)
				if strings.Contains(s.log.String(), "4711") || strings.Contains(s.log.String(), "600111222") {
					t.Errorf("what is personal is in the log:\n%s", s.log)
				}
			})
		})
	}
}

// used are those of the common endings that the steps lead to. They come after
// the steps, whatever else the flow declares.
func used(steps string) string {
	out := ""
	for _, line := range strings.Split(endings, "\n") {
		name, _, ok := strings.Cut(strings.TrimSpace(line), ":")
		if ok && strings.Contains(steps, ": "+name) {
			out += line + "\n"
		}
	}
	return out
}

// TestASplitIsFair sends 2,000 contacts through a split, each of them twice.
func TestASplitIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, oneFlow(t, begin+`steps:
  a: {split: menu.new, ways: [{percent: 10, next: one}, {percent: 90, next: two}]}
  one: {hangup: one, say: goodbye}
  two: {hangup: two, say: goodbye}
`))
		went := func(contact string) string {
			out, err := s.engine.Run(t.Context(), newFarEnd(), ivr.Start{Flow: "test", Attributes: map[string]string{ivr.AttributeContactID: contact}})
			if err != nil {
				t.Fatal(err)
			}
			return out.Reason
		}
		few := 0
		for i := range 2000 {
			contact := fmt.Sprintf("01KAV%021d", i)
			way := went(contact)
			if way == "one" {
				few++
			}
			if again := went(contact); again != way {
				t.Fatalf("contact %s went %s, then %s", contact, way, again)
			}
		}
		if few < 140 || few > 260 { // 200 expected, standard deviation 13
			t.Errorf("%d of 2000 went the way of 10 percent", few)
		}
	})
}

// TestOneFlowRunsAnother uses the same flow twice in a row, leaves it by each
// of its results, and goes on to a third for good.
func TestOneFlowRunsAnother(t *testing.T) {
	parse := func(name, text string) *flow.Flow {
		f, err := flow.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	set, err := flow.NewSet(
		parse("test", begin+`steps:
  a: {flow: ask, on: {yes: b}, next: no}
  b: {flow: ask, on: {yes: on}, next: no}
  on: {continue: third}
  no: {hangup: no, say: goodbye}
`),
		parse("ask", begin+`steps:
  a: {menu: {"1": b}, default: c, say: main.menu, retries: 0}
  b: {end: yes}
  c: {end: no}
`),
		parse("third", begin+`steps:
  a: {hangup: third, say: volunteer.bye}
`))
	if err != nil {
		t.Fatal(err)
	}
	for script, name := range map[string]string{
		"hear main.menu.es\npress 1\nhear main.menu.es\npress 1\nhear volunteer.bye.es\nexpect exit hangup third": "twice yes",
		"hear main.menu.es\npress 1\nhear main.menu.es\nsilence\nhear goodbye.es\nexpect exit hangup no":          "yes and no",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, set)
				s.start.Flow = "test"
				s.play(name, script)
			})
		})
	}
}

func TestHooksRunUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, oneFlow(t, `start: a
fallback: {queue: help}
on_agent_connected: greet
on_disconnect: rate
attributes: {greeted: text, left: text}
steps:
  a: {queue: help}
  greet: {set: {greeted: yes}, next: done}
  rate: {set: {left: yes}, next: done}
  done: {end: done}
`))
		start := ivr.Start{Flow: "test", Attributes: map[string]string{"from.call": "kept"}}
		out, err := s.engine.Hook(t.Context(), ivr.OnAgentConnected, start)
		if err != nil || out.Kept["greeted"] != "yes" || out.Attributes["from.call"] != "kept" {
			t.Errorf("connected: %+v, %v", out, err)
		}
		start.Attributes, start.Flows = out.Attributes, out.Flows
		if err := s.engine.Publish(oneFlow(t, begin+"steps:\n  a: {queue: help}\n")); err != nil {
			t.Fatal(err)
		}
		out, err = s.engine.Hook(t.Context(), ivr.OnDisconnect, start)
		if err != nil || out.Kept["left"] != "yes" || out.Kept["greeted"] != "yes" {
			t.Errorf("left: %+v, %v (a call keeps the flows it began with)", out, err)
		}
		out, err = s.engine.Hook(t.Context(), ivr.OnDisconnect, ivr.Start{Flow: "test"})
		if err != nil || len(out.Kept) > 0 {
			t.Errorf("a flow without hooks: %+v, %v", out, err)
		}
	})
}

// TestA32KBLimitCostsNoCall gathers more than one contact may hold.
func TestA32KBLimitCostsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, oneFlow(t, begin+"attributes: {a: text, b: text}\nsteps:\n  a: {set: {b: {from: a}}, next: one}\n"+used(": one")))
		s.start.Flow = "test"
		s.start.Attributes["a"] = "small"
		for i := range 60 {
			s.start.Attributes[fmt.Sprintf("filler.%02d", i)] = strings.Repeat("x", 1000)
		}
		s.ring()
		s.play("script", "hear goodbye.es\nexpect exit hangup one")
		size := 0
		for name, value := range s.out.Attributes {
			size += len(name) + len(value)
		}
		if size > flow.MaxAttributes || size < flow.MaxAttributes-2000 {
			t.Errorf("%d bytes were kept", size)
		}
		if len(s.out.Refused) < 25 {
			t.Errorf("refused: %v", s.out.Refused)
		}
	})
}

// TestAHostThatHangsTakesTheErrorPath waits for figures that never come.
func TestAHostThatHangsTakesTheErrorPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		engine, err := ivr.New(ivr.Config{Prompts: s.library, Languages: []string{"es"}, Log: discard(),
			Flows: oneFlow(t, begin+"steps:\n  a: {staffing: help, available: one, busy: one, nobody: one, error: five}\n"+used(": one : five")),
			Host: ivr.Host{Staffing: func(ctx context.Context, _ string) (ivr.Staffing, error) {
				<-ctx.Done()
				return ivr.Staffing{}, ctx.Err()
			}}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		out, err := engine.Run(t.Context(), newFarEnd(), ivr.Start{Flow: "test"})
		if err != nil || out.Queue != "help" || time.Since(began) > 5*time.Second {
			t.Errorf("outcome %+v, %v after %s", out, err, time.Since(began))
		}
	})
}
