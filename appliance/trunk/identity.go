package trunk

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

// caller reads who calls. From is a claim. P-Asserted-Identity is taken only
// when the configuration says that the peers vouch for it, and only its first
// value. Who asked for privacy (RFC 3323, RFC 3325 §9.3) stays anonymous.
func caller(r *sip.Request, region string, trusted bool) (call.Number, string) {
	from := r.From()
	raw, name := userOf(from.Address), from.DisplayName
	if strings.EqualFold(from.Address.Host, "anonymous.invalid") {
		raw, name = "", ""
	}
	if trusted {
		for _, h := range r.GetHeaders("privacy") {
			for value := range strings.FieldsFuncSeq(h.Value(), func(c rune) bool { return c == ';' || c == ',' || c == ' ' }) {
				switch strings.ToLower(value) {
				case "id", "user", "header", "session", "critical":
					return "", ""
				}
			}
		}
		if asserted := r.GetHeader("p-asserted-identity"); asserted != nil {
			var uri sip.Uri
			if display, err := sip.ParseAddressValue(firstValue(asserted.Value()), &uri, nil); err == nil {
				if user := userOf(uri); user != "" {
					raw = user
					if display != "" {
						name = display
					}
				}
			}
		}
	}
	raw = clean(raw)
	if strings.EqualFold(raw, "anonymous") {
		name = ""
	}
	return call.ParseNumber(raw, region), clean(strings.ReplaceAll(name, `\`, ""))
}

// firstValue cuts a header at its first comma outside quotes and brackets.
func firstValue(s string) string {
	quoted, depth := false, 0
	for i, c := range s {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			depth++
		case c == '>':
			depth--
		case c == ',' && depth <= 0:
			return s[:i]
		}
	}
	return s
}

// userOf is the user part of a sip URI or the number of a tel URI, without
// parameters (";phone-context=...") and escapes.
func userOf(uri sip.Uri) string {
	user := uri.User
	if uri.Scheme == "tel" {
		user = uri.Raw()
	}
	user, _, _ = strings.Cut(user, ";")
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	return user
}

func calledUser(uri sip.Uri) string { return clean(userOf(uri)) }

const maxName = 64

// clean makes text from a stranger fit to be kept and shown: no control
// characters, no marks that turn the reading direction, no endless names.
func clean(s string) string { return cleanTo(s, maxName) }

func cleanTo(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, c := range strings.ToValidUTF8(s, "") {
		if unicode.IsControl(c) || unicode.In(c, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Cf, c) && !joiner(c) {
			continue
		}
		if n++; n > limit {
			break
		}
		b.WriteRune(c)
	}
	return strings.TrimSpace(b.String())
}

// joiner reports the two invisible characters that Persian, Hindi and others
// need to be written right.
func joiner(c rune) bool { return c == '\u200c' || c == '\u200d' }
