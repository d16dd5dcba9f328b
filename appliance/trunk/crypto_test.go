package trunk

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"hotline/appliance/audio"
)

func TestReadSealing(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 30))
	for value, want := range map[string]string{
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key:                             "1 AES_CM_128_HMAC_SHA1_80",
		"22 AES_CM_128_HMAC_SHA1_32 inline:" + key + "|2^31":                  "22 AES_CM_128_HMAC_SHA1_32",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|281474976710656 WSH=64": "1 AES_CM_128_HMAC_SHA1_80",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^10":                   "", // spent in twenty seconds
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^99":                   "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^31|1:4":               "1 AES_CM_128_HMAC_SHA1_80",
		"2 AES_CM_128_HMAC_SHA1_32 inline:" + key + "|65535:2":                "2 AES_CM_128_HMAC_SHA1_32",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|65536:2":                "", // more than two bytes
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:128":                  "", // longer than the sound
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:0":                    "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|-1:4":                   "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|:4":                     "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|x":                      "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + ";inline:" + key:          "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTP":       "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " KDR=1":                  "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + key[:36]:                        "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:%%%":                                "",
		"1 AES_CM_128_HMAC_SHA1_80 uri:" + key:                                "",
		"1 AES_256_CM_HMAC_SHA1_80 inline:" + key:                             "",
		"one AES_CM_128_HMAC_SHA1_80 inline:" + key:                           "",
		"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + key:                    "",
		"1 AES_CM_128_HMAC_SHA1_80":                                           "",
		"":                                                                    "",
	} {
		got, ok := readSealing(value)
		if !ok {
			got = &sealing{}
		}
		if text := strings.TrimSpace(got.tag + " " + got.suite); text != want {
			t.Errorf("%q is read as %q, want %q", value, text, want)
		}
	}
}

// A key stays out of whatever prints the value that holds it.
func TestSealingHidesItsKey(t *testing.T) {
	s := newSealing("1", "AES_CM_128_HMAC_SHA1_80")
	secret := base64.StdEncoding.EncodeToString(s.key)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %s %q", s, s, s, s), log.String()} {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprint(s.key)) {
			t.Errorf("the key is in %q", text)
		}
	}
	if !strings.Contains(s.attribute(), secret) {
		t.Error("the attribute does not hold the key: this test cannot fail")
	}
}

func TestEncryptedOffers(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 30))
	sealed := "a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:" + key + "\n"
	clear := "m=audio 4000 RTP/AVP 0\n"
	secret := "m=audio 4002 RTP/SAVP 0\na=crypto:1 AES_CM_256_HMAC_SHA1_80 inline:x\n" + sealed
	inClear, encrypted := &session{law: audio.MuLaw}, &session{law: audio.MuLaw, sealing: new(sealing)}
	for _, tc := range []struct {
		name, body string
		running    *session
		chosen     int // -1: refused
		sealed     bool
	}{
		{"encrypted", secret, nil, 0, true},
		{"both ways, encrypted first", secret + clear, nil, 0, true},
		{"both ways, encrypted last", clear + secret, nil, 1, true},
		{"encrypted in a way we do not know, or clear", "m=audio 4002 RTP/SAVP 0\n" + clear, nil, 1, false},
		{"encrypted in no way we know", "m=audio 4002 RTP/SAVP 0\n", nil, -1, false},
		{"a key beside sound in the clear", clear + sealed, nil, 0, false},
		{"a clear call stays one", secret + clear, inClear, 1, false},
		{"an encrypted call never becomes a clear one", clear, encrypted, -1, false},
		{"an encrypted call stays one", secret, encrypted, 0, true},
	} {
		s, err := readSession(lf(head4+tc.body), v4, v4, tc.running)
		switch {
		case (err != nil) != (tc.chosen < 0):
			t.Errorf("%s: %v", tc.name, err)
		case err == nil && (s.chosen != tc.chosen || (s.sealing != nil) != tc.sealed):
			t.Errorf("%s: line %d, %v", tc.name, s.chosen, s.sealing)
		case err == nil && tc.sealed:
			ours := &local{address: netip.MustParseAddrPort("192.0.2.1:16384"), version: 1}
			ours.seal(s.sealing)
			answer, err := ours.answer(s)
			if err != nil || strings.Count(string(answer), "a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:") != 1 || strings.Contains(string(answer), key) {
				t.Errorf("%s: answered %v\n%s", tc.name, err, answer)
			}
		}
	}
}
