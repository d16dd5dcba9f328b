package trunk

import (
	"iter"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

// maxEntries is how many values of a repeated header are looked at.
const maxEntries = 20

// redirected is the number that the caller dialled when the call was sent on
// to us, empty when it was not or is not told. Forwarding services tell it in
// Diversion (RFC 5806: the newest first) or History-Info (RFC 7044: the oldest
// first). Both are claims like From, so they count only from peers that are
// trusted with P-Asserted-Identity.
func redirected(r *sip.Request, region string, trusted bool) call.Number {
	if !trusted {
		return ""
	}
	if entries := values(r, "diversion"); len(entries) > 0 {
		return divertedFrom(entries[len(entries)-1], region)
	}
	first, lowest, others := "", "", false
	for _, entry := range values(r, "history-info") {
		index := param(entry, "index")
		switch {
		case index == "":
			continue
		case first == "" || before(index, lowest):
			others = others || first != ""
			first, lowest = entry, index
		default:
			others = true
		}
	}
	if !others { // only where the call is going, which we know
		return ""
	}
	return divertedFrom(first, region)
}

func divertedFrom(entry, region string) call.Number {
	var uri sip.Uri
	if _, err := sip.ParseAddressValue(entry, &uri, nil); err != nil {
		return ""
	}
	if private := strings.ToLower(param(entry, "privacy")); private == "full" || private == "uri" {
		return ""
	}
	if privacy, _ := uri.Headers.Get("Privacy"); privacy != "" && !strings.EqualFold(privacy, "none") {
		return ""
	}
	if strings.EqualFold(uri.Host, "anonymous.invalid") {
		return ""
	}
	return call.ParseNumber(clean(userOf(uri)), region)
}

// before orders the indexes of RFC 7044 §10.3: "1" before "1.1" before "1.2".
func before(a, b string) bool {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(x)
		n, _ := strconv.Atoi(y)
		if m != n {
			return m < n
		}
	}
	return a == "" && b != ""
}

// param is a parameter after the address of a header value.
func param(entry, name string) string {
	if _, after, ok := strings.Cut(entry, ">"); ok {
		entry = after
	}
	_, params, _ := strings.Cut(entry, ";")
	for p := range strings.SplitSeq(params, ";") {
		if key, value, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// values are the entries of a header that may be repeated or be a list.
func values(m sip.Message, name string) []string {
	var all []string
	for _, h := range m.GetHeaders(name) {
		for v := range splitList(h.Value()) {
			if len(all) == maxEntries {
				return all
			}
			all = append(all, v)
		}
	}
	return all
}

// splitList walks the values of a header at commas outside quotes and brackets.
func splitList(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s != "" {
			value := firstValue(s)
			if v := strings.TrimSpace(value); v != "" && !yield(v) {
				return
			}
			s = strings.TrimPrefix(s[len(value):], ",")
		}
	}
}

const maxHeaderText = 256

// foreignHeaders keeps the X- headers of an INVITE, cleaned of what is not text.
func foreignHeaders(r *sip.Request) map[string][]string {
	var kept map[string][]string
	n := 0
	for _, h := range r.Headers() {
		name := strings.ToLower(h.Name())
		if !strings.HasPrefix(name, "x-") || n == maxEntries {
			continue
		}
		n++
		if kept == nil {
			kept = make(map[string][]string)
		}
		kept[name] = append(kept[name], cleanTo(h.Value(), maxHeaderText))
	}
	return kept
}
