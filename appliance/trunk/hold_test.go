package trunk_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/trunk/phone"
)

func TestHoldAndResume(t *testing.T) {
	for how, answer := range map[phone.Hold]string{
		phone.SendOnly:    "recvonly",
		phone.Inactive:    "inactive",
		phone.ZeroAddress: "recvonly",
	} {
		t.Run(string(how), func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			h := serve(t, "127.0.0.1", handle)
			p := h.dial(ctx)
			c := receive(t, "the call", calls)
			c.Audio().Music(audio.Tone(440, time.Second, -10))
			if err := p.WaitTone(ctx, 440); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := p.Hold(ctx, how); err != nil {
					t.Fatal(err)
				}
				if p.Direction() != answer {
					t.Errorf("the hold is answered %q, want %q", p.Direction(), answer)
				}
				if !receive(t, "the hold", c.Holds()) || !c.Held() {
					t.Error("the call does not know that it is held")
				}
				if err := p.WaitSilence(ctx); err != nil {
					t.Errorf("the held caller still hears the hotline: %v", err)
				}
				if err := p.Resume(ctx); err != nil {
					t.Fatal(err)
				}
				if p.Direction() != "sendrecv" {
					t.Errorf("the resume is answered %q", p.Direction())
				}
				if receive(t, "the resume", c.Holds()) || c.Held() {
					t.Error("the call does not know that it is resumed")
				}
				if err := p.WaitTone(ctx, 440); err != nil {
					t.Errorf("after the resume: %v", err)
				}
			}
		})
	}
}

// A phone may leave the offer to the hotline in every re-INVITE.
func TestHoldWithLateOffer(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	p := h.dial(ctx, func(cfg *phone.Config) { cfg.LateOffer, cfg.Law = true, audio.ALaw })
	c := receive(t, "the call", calls)
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.Hold(ctx, phone.Inactive); err != nil {
		t.Fatal(err)
	}
	if !receive(t, "the hold", c.Holds()) {
		t.Error("the call does not know that it is held")
	}
	if err := p.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if receive(t, "the resume", c.Holds()) {
		t.Error("the call does not know that it is resumed")
	}
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
}

// describe is a session description of a phone at 127.0.0.1.
func describe(port uint16, formats, attributes string) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\n%s", port, formats, attributes)
}

func TestChangesWithinACall(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	p := h.dial(ctx)
	c := receive(t, "the call", calls)
	here := p.RTP().Port()

	for _, tc := range []struct {
		name, method, kind string
		body               []byte
		status             int
		contains           string
		held               bool
	}{
		{name: "UPDATE to hold", method: "UPDATE", kind: "application/sdp", body: describe(here, "0 101", "a=sendonly\r\n"), status: 200, contains: "a=recvonly", held: true},
		{name: "UPDATE as a sign of life", method: "UPDATE", status: 200, held: true},
		{name: "UPDATE to resume", method: "UPDATE", kind: "application/sdp", body: describe(here, "0", ""), status: 200, contains: "a=sendrecv"},
		{name: "UPDATE to another codec", method: "UPDATE", kind: "application/sdp", body: describe(here, "8", ""), status: 200, contains: "PCMA/8000"},
		{name: "UPDATE to a codec that is not spoken", method: "UPDATE", kind: "application/sdp", body: describe(here, "18", ""), status: 488},
		{name: "UPDATE back", method: "UPDATE", kind: "application/sdp", body: describe(here, "8 0", ""), status: 200, contains: "PCMA/8000"},
		{name: "UPDATE to the first", method: "UPDATE", kind: "application/sdp", body: describe(here, "0", ""), status: 200, contains: "PCMU/8000"},
		{name: "UPDATE to nonsense", method: "UPDATE", kind: "application/sdp", body: []byte("v=1"), status: 400},
		{name: "UPDATE with a picture", method: "UPDATE", kind: "image/png", body: []byte{1}, status: 415},
		{name: "OPTIONS", method: "OPTIONS", status: 200},
		{name: "INFO with nothing", method: "INFO", status: 200},
		{name: "REFER", method: "REFER", status: 405},
		{name: "NOTIFY", method: "NOTIFY", status: 405},
		{name: "MESSAGE", method: "MESSAGE", kind: "text/plain", body: []byte("hi"), status: 405},
	} {
		res, err := p.Request(ctx, tc.method, tc.kind, tc.body)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if res.StatusCode != tc.status || !strings.Contains(string(res.Body()), tc.contains) {
			t.Errorf("%s: %d, want %d\n%s", tc.name, res.StatusCode, tc.status, res.Body())
		}
		if res.StatusCode == 405 && res.GetHeader("Allow") == nil {
			t.Errorf("%s: 405 without Allow", tc.name)
		}
		if c.Held() != tc.held {
			t.Errorf("%s: held is %v", tc.name, c.Held())
		}
		if c.Context().Err() != nil {
			t.Fatalf("%s ended the call", tc.name)
		}
	}
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// A gateway may change what the sound is encoded in, and how keys travel, in
// the middle of a call.
func TestChangeOfLawAndKeys(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	p := h.dial(ctx)
	c := receive(t, "the call", calls)
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.Press(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	p.Speak(audio.ALaw, 96)
	if err := p.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if got := c.Summary().Law; got != audio.ALaw {
		t.Errorf("the call speaks %v", got)
	}
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
	if err := p.Press(ctx, "2"); err != nil {
		t.Fatal(err)
	}
	for _, want := range "12" {
		if key, err := c.Audio().Key(ctx); err != nil || key != byte(want) {
			t.Fatalf("heard key %q, %v; want %q", key, err, want)
		}
	}
	p.SayLoop(audio.Tone(1000, time.Second, -10))
	heard, _, err := c.Audio().Record(ctx, time.Second, "")
	if err != nil || share(heard, 1000) < 0.5 {
		t.Errorf("the hotline hears the caller badly after the change: %v", err)
	}
	packets := p.HeardPackets()
	last := packets[len(packets)-1]
	if last.PT != uint8(audio.ALaw) || last.SSRC != packets[0].SSRC {
		t.Errorf("the last packet has type %d and source %x, the first source %x", last.PT, last.SSRC, packets[0].SSRC)
	}
}

// A phone that announces another port than it sends from is heard, and hears.
func TestWrongPortIsFound(t *testing.T) {
	ctx := limit(t)
	h := serve(t, "127.0.0.1", answering)
	p := h.dial(ctx, func(cfg *phone.Config) { cfg.WrongPort = true })
	p.SayLoop(audio.Tone(1000, time.Second, -10))
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
}

func TestPhoneRefusesLineBreaks(t *testing.T) {
	h := serve(t, "127.0.0.1", answering)
	for _, cfg := range []phone.Config{
		{From: "1\r\nEvil: yes", To: "100", Server: h.addr},
		{From: "1", To: "100\n", Server: h.addr},
		{From: "1", To: "100", Server: h.addr, Headers: []string{"X: a\r\nVia: b"}},
	} {
		var refused *phone.RefusedError
		if _, err := phone.Dial(limit(t), cfg); err == nil || errors.As(err, &refused) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if got := h.Stats().Offered; got != 0 {
		t.Errorf("%d calls arrived", got)
	}
}

// A gateway that knows no telephone-event sends keys as the tones they are.
func TestKeysAsTones(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	p := h.dial(ctx, func(cfg *phone.Config) { cfg.NoEvents = true })
	c := receive(t, "the call", calls)
	for key, tones := range map[byte][2]float64{'1': {697, 1209}, '#': {941, 1477}} {
		low, high := audio.Tone(tones[0], 150*time.Millisecond, -12).PCM(), audio.Tone(tones[1], 150*time.Millisecond, -12).PCM()
		for i := range low {
			low[i] += high[i]
		}
		if err := p.Say(ctx, audio.Concat(audio.Silence(100*time.Millisecond), audio.FromPCM(low), audio.Silence(200*time.Millisecond))); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Audio().Key(ctx); err != nil || got != key {
			t.Errorf("heard key %q, %v; want %q", got, err, key)
		}
	}
}

// Who offers to have the reports on the sound travel with it gets them there
// (RFC 5761), and who does not is not told to expect them.
func TestReportsWithTheSound(t *testing.T) {
	h := serve(t, "127.0.0.1", answering)
	for mark, want := range map[string]bool{"a=rtcp-mux\n": true, "": false} {
		sound, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer sound.Close()
		r := h.raw()
		port := fmt.Sprint(sound.LocalAddr().(*net.UDPAddr).Port)
		r.send(r.fill(withSDP(inviteHead, strings.Replace(offer, "40000", port, 1)+mark)))
		answer := r.answer("raw-", patience)
		r.confirm(answer, "")
		if got := strings.Contains(answer, "a=rtcp-mux"); got != want {
			t.Errorf("offered %q, answered\n%s", mark, answer)
		}
		if !want {
			continue
		}
		buffer := make([]byte, 2048)
		_ = sound.SetReadDeadline(time.Now().Add(patience))
		for report := false; !report; {
			n, err := sound.Read(buffer)
			if err != nil {
				t.Fatalf("no report comes with the sound: %v", err)
			}
			report = n > 8 && buffer[1] >= 200 && buffer[1] <= 204
		}
	}
}
