package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/ivr/prompts"
	"hotline/triage"
	"hotline/triage/desk"
)

// recordLine makes the rule for the help line.
func (b *box) recordLine(policy triage.RecordingPolicy) {
	b.t.Helper()
	err := b.h.tapes.SetRules(b.t.Context(), triage.RecordingRules{KeepDays: 30, Purpose: "Training of phone volunteers",
		Queues: map[string]triage.RecordingPolicy{triage.QueueHelp: policy}}, "id-of-the-admin")
	if err != nil {
		b.t.Fatal(err)
	}
}

// heardNotice says when the caller began to hear the notice about recording;
// false when they did not.
func heardNotice(t *testing.T, c *phone.Call) (time.Duration, bool) {
	t.Helper()
	library, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	clip, err := library.Clip("en", "recording.notice")
	if err != nil {
		t.Fatal(err)
	}
	notice, heard := clip.PCM(), c.Heard()
	// The loudest pieces of it: a busy machine may have lost or delayed some.
	const length, looked, enough = 800, 6, 2
	var pieces []int
	for at := 0; at+length <= len(notice); at += length {
		pieces = append(pieces, at)
	}
	slices.SortFunc(pieces, func(a, b int) int {
		return cmp.Compare(energy(notice[b:b+length]), energy(notice[a:a+length]))
	})
	found, first := 0, 0
	for _, piece := range pieces[:looked] {
		if at, ok := spot(notice[piece:piece+length], heard); ok {
			found, first = found+1, at-piece
		}
	}
	return time.Duration(first) * time.Second / audio.SampleRate, found >= enough
}

// spot is where a piece of sound is in what was heard.
func spot(piece, heard []int16) (int, bool) {
	most := energy(piece)
	here := 0.0 // energy of what is compared, kept up to date
	for at := 0; at+len(piece) <= len(heard); at++ {
		if at == 0 {
			here = energy(heard[:len(piece)])
		} else {
			out, in := float64(heard[at-1]), float64(heard[at+len(piece)-1])
			here += in*in - out*out
		}
		if here < most*0.8 || here > most*1.25 {
			continue
		}
		sum := 0.0
		for i, s := range piece {
			sum += float64(s) * float64(heard[at+i])
		}
		if sum > 0.95*math.Sqrt(most*here) {
			return at, true
		}
	}
	return 0, false
}

func energy(pcm []int16) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return sum
}

// untilRecording waits until the agent's page shows a state of the recording.
func (w *worker) untilRecording(state string) {
	w.b.t.Helper()
	limit := time.After(patience)
	for {
		changed := w.seat.Changed()
		s := w.seat.Snapshot()
		if s.Call != nil && s.Call.Recording == state {
			return
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond):
		case <-limit:
			w.b.t.Fatalf("the page of %s does not say that the recording is %s: %+v", w.id, state, s.Call)
		}
	}
}

// tapesOf waits until all recordings of the only contact are finished.
func (b *box) tapesOf(contact string, n int) []triage.Recording {
	b.t.Helper()
	var found []triage.Recording
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(50 * time.Millisecond) {
		found = nil
		running := false
		if err := b.h.tapes.Each(func(r triage.Recording) bool {
			if r.Contact == contact {
				found, running = append(found, r), running || r.Running
			}
			return true
		}); err != nil {
			b.t.Fatal(err)
		}
		if len(found) == n && !running {
			return found
		}
	}
	b.t.Fatalf("the contact has the recordings %+v, want %d finished ones", found, n)
	return nil
}

// sides are the two channels of a recording, as somebody hears them.
func sides(t *testing.T, tapes *triage.Recordings, id string) (left, right []int16) {
	t.Helper()
	sound, _, err := tapes.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	wav, err := io.ReadAll(sound)
	if err := errors.Join(err, sound.Close()); err != nil {
		t.Fatal(err)
	}
	return channels(t, wav)
}

func channels(t *testing.T, wav []byte) (left, right []int16) {
	t.Helper()
	if !bytes.HasPrefix(wav, []byte("RIFF")) || len(wav) < 44 || binary.LittleEndian.Uint16(wav[22:]) != 2 {
		t.Fatalf("this is not a stereo WAV file: % x", wav[:min(44, len(wav))])
	}
	for at := 44; at+4 <= len(wav); at += 4 {
		left = append(left, int16(binary.LittleEndian.Uint16(wav[at:])))
		right = append(right, int16(binary.LittleEndian.Uint16(wav[at+2:])))
	}
	return left, right
}

// toneIn counts the pieces of 20 ms in which there is sound, and those of them
// of which one tone has more than a share. A gap in between, or a jump, changes one piece.
func toneIn(pcm []int16, hz, share float64) (with, loud int) {
	const piece = audio.FrameSamples
	for ; len(pcm) >= piece; pcm = pcm[piece:] {
		if energy(pcm[:piece]) < piece*50*50 {
			continue // nobody speaks
		}
		loud++
		if audio.ToneLevel(pcm[:piece], hz) > share {
			with++
		}
	}
	return with, loud
}

// onlyTone checks that of all tones of a test a channel has this one, for at
// least so long. It looks at short pieces: on a busy machine the phones and
// browsers of a test speak with gaps.
func onlyTone(t *testing.T, side string, pcm []int16, hz float64, long time.Duration) {
	t.Helper()
	with, loud := toneIn(pcm, hz, 0.6)
	for _, other := range allHz {
		if other == hz {
			continue
		}
		if wrong, _ := toneIn(pcm, other, 0.3); wrong > 0 {
			t.Errorf("%s: in %d pieces of sound there is %.0f Hz", side, wrong, other)
		}
	}
	const each = audio.FrameDuration
	if got := time.Duration(with) * each; got < long || with < loud*7/10 {
		t.Errorf("%s: %v of %.0f Hz among %v of sound, in %.1f s, want at least %v", side, got, hz, time.Duration(loud)*each, float64(len(pcm))/audio.SampleRate, long)
	}
}

// A line that is always recorded: callers are told before an agent is rung;
// the caller is on the left, the agent on the right, and nothing else is there:
// no music, no whisper, no question behind the caller's back.
func TestACallOfALineThatIsRecorded(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	b.recordLine(triage.RecordAlways)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561131", cHz)
	amal.is(triage.Offered)
	if _, heard := heardNotice(t, caller); !heard {
		t.Error("an agent was rung before the caller was told")
	}
	amal.answer()
	amal.untilRecording("on")
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	pause(t.Context(), caller, 2*time.Second)
	contact := amal.seat.Snapshot().Call.Contact

	rosa := b.seated("Rosa", sHz, true)
	rosa.do(desk.Command{Type: "monitor", Contact: contact, Mode: "whisper"})
	b.hears("Amal, whispered to,", amal.sound, allHz, cHz, sHz)
	rosa.do(desk.Command{Type: "monitor.end"})
	b.hears("Amal", amal.sound, allHz, cHz)

	ben := b.seated("Ben", bHz, false)
	ben.do(desk.Command{Type: "ready"})
	amal.do(desk.Command{Type: "consult", To: desk.Target{Kind: "agent", ID: ben.id}})
	ben.answer()
	b.hears("Amal, asking Ben,", amal.sound, allHz, bHz)
	asked := time.Now()
	pause(t.Context(), caller, 3*time.Second)
	hidden := time.Since(asked)
	amal.do(desk.Command{Type: "consult.cancel"})
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	pause(t.Context(), caller, time.Second)
	amal.do(desk.Command{Type: "end"})
	b.ended(caller)

	tape := b.tapesOf(contact, 1)[0]
	left, right := sides(t, b.h.tapes, tape.ID)
	onlyTone(t, "left", left, cHz, 2*time.Second)
	onlyTone(t, "right", right, aHz, 2*time.Second)
	if quiet := longestQuiet(left); quiet < hidden-time.Second {
		t.Errorf("the caller was on music for %v, in the recording they are quiet for %v", hidden, quiet)
	}
	if tape.AgentName != "Amal" || tape.Queue != "help" || tape.Cut {
		t.Errorf("the recording is noted as %+v", tape)
	}
	row := only(t, b.exportUntil("contacts", "recorded", "1"), "caller_number", "+12024561131")
	if row["recorded_s"] == "0" || row["recorded_s"] == "" {
		t.Errorf("the export says that %q s are recorded", row["recorded_s"])
	}
	oneStream(t, caller)
}

// longestQuiet is the longest stretch without sound.
func longestQuiet(pcm []int16) time.Duration {
	const block = audio.SampleRate / 10
	run, longest := 0, 0
	for at := 0; at+block <= len(pcm); at += block {
		if energy(pcm[at:at+block]) < block*50*50 {
			run++
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	return time.Duration(longest) * time.Second / 10
}

// The agent switches the recording on in the middle of a call: the caller hears
// the notice first. It ends when the caller is alone with somebody outside.
func Test2b27ARecordingSwitchedOnEndsWithTheLastAgent(t *testing.T) {
	t.Parallel()
	net, answered := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{net.Addr().String()}}}
		c.SIP.Outgoing.Prefixes = []string{"+1202555"}
	})
	b.recordLine(triage.RecordByAgent)
	amal := b.seatedAs("Amal", aHz, false, "supervisor")
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561132", cHz)
	amal.answer()
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	if s := amal.seat.Snapshot().Call; s.Recording != "off" || s.RecordingPolicy != triage.RecordByAgent {
		t.Errorf("before the button the page says %s, %s", s.Recording, s.RecordingPolicy)
	}
	if at, heard := heardNotice(t, caller); heard {
		t.Errorf("the caller heard the notice at %v, before anything is recorded", at)
	}
	contact := amal.seat.Snapshot().Call.Contact
	amal.do(desk.Command{Type: "record", On: true})
	amal.untilRecording("on")
	if _, heard := heardNotice(t, caller); !heard {
		t.Error("the recording runs and the caller was not told")
	}
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	pause(t.Context(), caller, 2*time.Second)

	amal.do(desk.Command{Type: "transfer", To: desk.Target{Kind: "number", ID: "+12025550191"}})
	select {
	case <-answered:
	case <-time.After(patience):
		t.Fatal("nobody outside was called")
	}
	amal.is(triage.WrapUp)
	b.hears("the caller, with somebody outside,", callerEar{caller}, allHz, bHz)
	tape := b.tapesOf(contact, 1)[0] // finished, and the caller still talks
	select {
	case <-caller.Done():
		t.Fatal("the call is over")
	default:
	}
	left, right := sides(t, b.h.tapes, tape.ID)
	onlyTone(t, "left", left, cHz, time.Second)
	onlyTone(t, "right", right, aHz, time.Second)
	caller.Hangup()
	b.tapesOf(contact, 1)
}

// The lock destroys what was recorded, and nothing more is.
func TestTheLockEndsAndDestroysARecording(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	b.recordLine(triage.RecordAlways)
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller := b.helpCall("+12024561133", cHz)
	amal.answer()
	amal.untilRecording("on")
	pause(t.Context(), caller, 2*time.Second)
	contact := amal.seat.Snapshot().Call.Contact
	if n := blobFiles(t, b.data); n != 1 {
		t.Fatalf("%d sound files while the call is recorded", n)
	}
	amal.do(desk.Command{Type: "case.save", Contact: contact, Fields: map[string]any{"talk_freely": "specialist"}})
	if n := blobFiles(t, b.data); n != 0 {
		t.Errorf("%d sound files right after the lock", n)
	}
	amal.untilRecording("off")
	if err := amal.seat.Do(t.Context(), desk.Command{Type: "record", On: true}); err == nil || !strings.Contains(err.Error(), "protected") {
		t.Errorf("who wants to record a protected call is told %v", err)
	}
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	amal.do(desk.Command{Type: "end"})
	b.ended(caller)
	amal.is(triage.WrapUp)
	b.tapesOf(contact, 0)
	if n := blobFiles(t, b.data); n != 0 {
		t.Errorf("%d sound files after the call", n)
	}
}

func blobFiles(t *testing.T, data string) int {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(data, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestTheRecordButton is a recording from press to download: a volunteer in a
// browser presses the button, the caller hears the notice, the page says that
// the call is recorded, and a coordinator takes the file away: the caller on
// the left, the volunteer on the right.
func TestTheRecordButton(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	admin := b.web("admin")
	res, err := admin.PostForm(b.base+"admin/recording", url.Values{"do": {"rules"}, "policy:help": {"agent"}, "policy:volunteers": {"never"},
		"policy:life": {"never"}, "policy:family": {"never"}, "policy:private": {"never"},
		"purpose": {"Training of phone volunteers"}, "keep_days": {"30"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || b.h.tapes.Policy(triage.QueueHelp) != triage.RecordByAgent {
		t.Fatalf("setting the rule: %s", res.Status)
	}
	page := openBrowser(t, b.h.certs, agentHz)
	page.signIn(b.base, "volunteer", b.people["volunteer"].Password)
	page.do("opening the desk", chromedp.Navigate(b.base+"desk?plain-audio=1"))
	page.press(`[data-do="ready"]`)
	page.until("the volunteer is Ready", `document.documentElement.dataset.state === "ready" || document.body.dataset.state === "ready"`)
	caller := b.helpCall("+12024561136", callerHz)
	page.until("the call rings", visible(`[data-card="offer"]`))
	page.press(`[data-do="accept"]`)
	page.until("the call is answered", visible(`[data-card="oncall"]`))
	b.waitTone("the caller", caller, agentHz)
	page.until("nothing is recorded", `document.querySelector('[data-part="recording"]').hidden`)
	page.press(`[data-do="record"]`)
	page.until("the page says that the call is recorded", `document.querySelector('[data-part="recording"]').innerText.includes("This call is being recorded")`)
	page.picture("recorded")
	if _, heard := heardNotice(t, caller); !heard {
		t.Error("the call is recorded and the caller was not told")
	}
	b.waitTone("the caller after the notice", caller, agentHz)
	pause(t.Context(), caller, 3*time.Second)
	page.press(`[data-do="record"]`)
	page.until("the page says no more that the call is recorded", `document.querySelector('[data-part="recording"]').hidden`)
	page.press(`[data-card="oncall"] [data-do="end"]`)
	b.ended(caller)

	row := only(t, b.exportUntil("contacts", "recorded", "1"), "caller_number", "+12024561136")
	tape := b.tapesOf(row["contact_id"], 1)[0]
	res, err = b.web("coordinator").PostForm(b.base+"recordings/"+tape.ID+"/download", url.Values{"reason": {"to check the quality"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	wav, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("downloading: %s, %v", res.Status, err)
	}
	left, right := channels(t, wav)
	onlyTone(t, "left", left, callerHz, 2*time.Second)
	onlyTone(t, "right", right, agentHz, 2*time.Second)
	res, err = b.web("volunteer").Get(b.base + "recordings/" + tape.ID + "/sound.wav")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a volunteer who wants to hear the recording gets %s", res.Status)
	}
}
