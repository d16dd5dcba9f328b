package trunk_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkCall is one call from INVITE to the end of its BYE, with the time
// that a caller waits for the answer.
func BenchmarkCall(b *testing.B) {
	h := serve(b, "127.0.0.1", answering)
	r := h.raw()
	var waits []time.Duration
	for b.Loop() {
		invite := r.fill(withSDP(inviteHead, offer))
		begun := time.Now()
		r.send(invite)
		answer := r.answer("CSeq: 1 INVITE", patience)
		waits = append(waits, time.Since(begun))
		if status(answer) != "200" {
			b.Fatal(answer)
		}
		tag := r.confirm(answer, "")
		bye := strings.NewReplacer("1 INVITE", "2 BYE", "To: <sip:100@127.0.0.1>", "To: <sip:100@127.0.0.1>;tag="+tag,
			"{id}", callID(answer)).Replace(cut(inviteHead, "INVITE"))
		r.send(r.fill("BYE sip:hotline@127.0.0.1 SIP/2.0\n" + bye + "\n"))
		if answer := r.answer("CSeq: 2 BYE", patience); status(answer) != "200" {
			b.Fatal(answer)
		}
	}
	slices.Sort(waits)
	b.ReportMetric(waits[len(waits)/2].Seconds()*1000, "ms-to-answer-p50")
	b.ReportMetric(waits[len(waits)*99/100].Seconds()*1000, "ms-to-answer-p99")
}

func callID(answer string) string {
	_, id, _ := strings.Cut(answer, "Call-ID: ")
	id, _, _ = strings.Cut(id, "\r\n")
	return id
}
