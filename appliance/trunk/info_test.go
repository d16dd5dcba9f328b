package trunk

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// Whatever an INFO carries, it is a key, nothing, or refused.
func FuzzInfo(f *testing.F) {
	for _, body := range []string{"Signal=5\r\nDuration=160\r\n", "Signal= 11", "5", "#", "16", "Signal:hf", "signal=", "=", "\n", "Duration=1", "Signal=ß"} {
		f.Add(keyRelay, body)
		f.Add(keyAlone, body)
	}
	f.Add("", "1")
	f.Add("application/dtmf;;;=", "1")
	f.Add("text/plain", "1")
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := sip.NewRequest(sip.INFO, sip.Uri{Scheme: "sip", Host: "h"})
		if kind != "" {
			r.AppendHeader(sip.NewHeader("Content-Type", kind))
		}
		r.SetBody([]byte(body))
		key, refused := infoKey(r)
		if refused != nil && key != 0 || refused == nil && key != 0 && !strings.ContainsRune("0123456789*#ABCD", rune(key)) {
			t.Fatalf("key %q, refusal %v of %q as %q", key, refused, body, kind)
		}
		if len(body) > 0 && kind == "" && (refused == nil || refused.status != 400) {
			t.Fatalf("a body without type is taken: %q", body)
		}
	})
}
