package ivr_test

import (
	"testing"
	"testing/synctest"
)

// pathToService is the order that serves everybody (F39): greeting, language,
// privacy, danger if the wait is long, what the caller wants, holiday and
// hours, mode, staffing, and then queue, call-back or voicemail. Its prompts
// are borrowed from the shipped flows.
const pathToService = `start: greeting
fallback: {queue: help, treatment: test}
schedules:
  office: {zone: UTC, week: {mon-sun: 08:00-20:00}, dates: [{on: 01-02, say: alert.general}]}
steps:
  greeting: {say: hello, next: language}
  language:
    menu: {"1": {next: privacy, set: {language: en}}, "2": {next: privacy, set: {language: es}}}
    say: main.menu
    timeout: 2s
    retries: 0
    default: privacy
  privacy: {say: privacy.notice, next: wait}
  wait: {staffing: help, available: intent, busy: intent, long: danger, long_wait: 5m, nobody: intent, error: intent}
  danger:
    menu: {"1": life}
    say: emergency.menu
    timeout: 3s
    retries: 0
    default: intent
  life: {queue: help, priority: 1, say: queue.connecting}
  intent:
    menu: {"1": hours, "4": callback}
    say: announcement.menu
    silence_say: menu.silence
    retries: 1
    default: silent
  # Nobody has pressed anything: perhaps they cannot speak. One more question
  # that a key answers, then a person all the same.
  silent:
    menu: {"5": life}
    say: menu.silence
    timeout: 3s
    retries: 0
    default: mode
  hours: {hours: office, open: mode, closed: callback, holiday: callback}
  mode: {do: mode.read, on: {normal: staffing, emergency: life, announcement: callback}, error: person}
  staffing: {staffing: help, available: person, busy: person, long: callback, long_wait: 30m, nobody: leave, error: person}
  person: {queue: help, priority: 5, say: queue.connecting}
  callback:
    callback: help
    say: callback.number
    confirm: [callback.readback, {digits: callback.number}, entry.confirm]
    next: bye
    silence: leave
    error: person
  leave: {voicemail: help, say: volunteer.story, next: bye, silence: person, error: person}
  bye: {hangup: promised, say: callback.promised}
`

// TestThePathToService walks the order with the callers it is for.
func TestThePathToService(t *testing.T) {
	const intro = "hear hello.es\nhear main.menu.es\nsilence\nhear privacy.notice.es\n"
	const noKeys = "hear announcement.menu.es\nsilence\nhear menu.silence.es\nhear announcement.menu.es\nsilence\nhear menu.silence.es\nsilence\n"
	for name, script := range map[string]string{
		"a caller who never presses a key reaches a person": "staffing 3 0 3 1 2m\n" + intro + noKeys + "hear queue.connecting.es\nexpect exit queue help\nexpect priority 5",
		"also at night, and when the wait is long":          "later 26h\nstaffing 3 0 3 9 10m\n" + intro + "hear emergency.menu.es\nsilence\n" + noKeys + "hear queue.connecting.es\nexpect exit queue help",
		"also when nobody is there and nothing is said":     "staffing 0 0 0 0 0s\n" + intro + noKeys + "hear volunteer.story.es\nhear beep\nspeak 100ms\npress #\nhear volunteer.story.es\nhear beep\nspeak 100ms\npress #\nhear queue.connecting.es\nexpect exit queue help",
		"somebody who cannot speak presses 5":               "staffing 3 0 3 1 2m\n" + intro + "hear announcement.menu.es\nsilence\nhear menu.silence.es\nhear announcement.menu.es\nsilence\nhear menu.silence.es\npress 5\nhear queue.connecting.es\nexpect exit queue help\nexpect priority 1",
		"danger comes before the queue when it is long":     "staffing 3 0 3 9 10m\n" + intro + "hear emergency.menu.es\npress 1\nhear queue.connecting.es\nexpect exit queue help\nexpect priority 1",
		"in an emergency everybody is urgent":               "mode emergency\nstaffing 3 0 3 1 2m\n" + intro + noKeys + "hear queue.connecting.es\nexpect exit queue help\nexpect priority 1",
		"a holiday, and a promise":                          "later 36h\nstaffing 3 0 3 1 2m\ngiven caller.number +34600111222\n" + intro + "hear announcement.menu.es\npress 1\nhear alert.general.es\nhear callback.promised.es\nexpect exit hangup promised",
		"nobody is there: a message":                        "later 12h\nstaffing 0 0 0 0 0s\n" + intro + "hear announcement.menu.es\npress 1\nhear volunteer.story.es\nhear beep\nspeak 5s\npress #\nhear callback.promised.es\nexpect exit hangup promised\nexpect message help 5s es",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, oneFlow(t, pathToService))
				s.start.Flow = "test"
				s.play(name, script)
			})
		})
	}
}
