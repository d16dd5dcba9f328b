package lines

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
)

// Rules are what lines and numbers are held against.
type Rules struct {
	Lines     []string // names of those in hotline.yaml
	Numbers   []string // in hotline.yaml
	Region    string   // of numbers without a country code
	Languages []string // that are offered
	Flows     func() []string
	Queues    func() []string
}

// Problem is why a line or a number is refused, in a sentence.
type Problem struct {
	Line, Number string // which one
	Dials        string // or which beginning of numbers
	Out          bool   // or who may call out, and how often
	Sentence     string
}

func (p Problem) Error() string { return p.Sentence }

const (
	mostLines    = 20
	mostNumbers  = 200
	mostDials    = 50 // beginnings of numbers that may be called
	mostName     = 40 // letters
	mostText     = 200
	mostCalls    = 10_000
	mostRounds   = 100_000 // calls in an hour
	widest4      = 20      // bits of a network from which calls are let in
	widest6      = 48
	mostServers  = 8
	mostAccepted = 32
)

// Check says what is wrong with a record that would take the place of
// everything there is; nothing is stored. Passwords are by the names of lines.
func (b *Book) Check(r Record, passwords map[string]string) []Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.check(r, passwords)
}

func (b *Book) check(r Record, passwords map[string]string) []Problem {
	var wrong []Problem
	if len(r.Lines) > mostLines {
		wrong = append(wrong, Problem{Sentence: fmt.Sprintf("there can be %d telephone lines at most", mostLines)})
	}
	if len(r.Numbers) > mostNumbers {
		wrong = append(wrong, Problem{Sentence: fmt.Sprintf("there can be %d numbers at most", mostNumbers)})
	}
	seen := map[string]bool{}
	for _, l := range r.Lines {
		secret, given := passwords[l.Name]
		if !given {
			secret = b.secrets[l.Name]
		}
		err := l.check(secret)
		switch {
		case slices.Contains(b.rules.Lines, l.Name):
			err = fmt.Errorf("the file hotline.yaml has a line %s already; give this one another name, or change that one there", l.Name)
		case seen[l.Name]:
			err = fmt.Errorf("the line %s is there already", l.Name)
		}
		seen[l.Name] = true
		if err != nil {
			wrong = append(wrong, Problem{Line: l.Name, Sentence: err.Error()})
		}
	}
	full := func(number string) string { return string(call.ParseNumber(number, b.rules.Region)) }
	filed, taken := map[string]bool{}, map[string]bool{}
	for _, number := range b.rules.Numbers {
		filed[full(number)] = true
	}
	for _, n := range r.Numbers {
		err := b.rules.number(n)
		switch {
		case filed[full(n.Number)]:
			err = fmt.Errorf("the file hotline.yaml says already where %s leads; change it there", n.Number)
		case taken[full(n.Number)]:
			err = fmt.Errorf("%s is given twice and cannot lead to two places", n.Number)
		}
		taken[full(n.Number)] = true
		if err != nil {
			wrong = append(wrong, Problem{Number: n.Number, Sentence: err.Error()})
		}
	}
	if len(r.Dials) > mostDials {
		wrong = append(wrong, Problem{Sentence: fmt.Sprintf("there can be %d beginnings of numbers at most", mostDials)})
	}
	for _, prefix := range r.Dials {
		if digits, full := strings.CutPrefix(prefix, "+"); !full || digits == "" || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
			wrong = append(wrong, Problem{Dials: prefix, Sentence: prefix + " is not the beginning of a full number, like +1202"})
		}
	}
	return append(wrong, r.Out.check()...)
}

func (o *CallsOut) check() (wrong []Problem) {
	if o == nil {
		return nil
	}
	for _, who := range o.Roles {
		if !slices.Contains(Callers(), who) {
			wrong = append(wrong, Problem{Out: true, Sentence: fmt.Sprintf("there is nobody called %q who could call out; there are %s", who, strings.Join(Callers(), ", "))})
		}
	}
	if o.PerHour < 1 || o.PerHour > mostCalls {
		wrong = append(wrong, Problem{Out: true, Sentence: fmt.Sprintf("say how many calls out an hour may have, from 1 to %d", mostCalls)})
	}
	if o.Rounds < 0 || o.Rounds > mostRounds {
		wrong = append(wrong, Problem{Out: true, Sentence: fmt.Sprintf("say how many calls of rounds an hour may have, up to %d; 0 is none", mostRounds)})
	}
	return wrong
}

// registers reports a line on which we sign in at the other side.
func (l Line) registers() bool { return l.Kind == Account || l.Kind == PBX && l.User != "" }

func (l Line) check(secret string) error {
	switch {
	case l.Name == "" || utf8.RuneCountInString(l.Name) > mostName || l.Name != strings.TrimSpace(l.Name):
		return fmt.Errorf("give the line a name of up to %d letters", mostName)
	case !slices.Contains(Kinds(), l.Kind):
		return errors.New("choose what is at the other side of the line")
	case len(l.Servers) == 0:
		return errors.New("say where the other side is: its IP address or its name")
	case len(l.Servers) > mostServers:
		return fmt.Errorf("a line can have %d addresses at most", mostServers)
	case len(l.Accepts) > mostAccepted:
		return fmt.Errorf("calls can be let in from %d more addresses at most", mostAccepted)
	case l.Kind == Account && l.User == "":
		return errors.New("give the user name that the provider has given you")
	case l.registers() && secret == "" && !l.Off: // a bundle may come without its passwords: such lines come switched off
		return errors.New("give the password that belongs to the user name")
	case l.Encrypt && l.Transport != trunk.OverTLS:
		return errors.New("encrypted sound wants the connection over TLS, or everybody on the way could read the key")
	case l.Certificate != "" && l.Transport != trunk.OverTLS:
		return errors.New("a certificate is of use over TLS alone")
	case l.MaxCalls < 0 || l.MaxCalls > mostCalls:
		return fmt.Errorf("a line carries from 1 to %d calls at a time; leave it empty for no limit", mostCalls)
	case l.Plus != "" && l.Plus != "+" && l.Plus != "-" && strings.Trim(l.Plus, "0123456789") != "":
		return errors.New("what stands for the + of a number is digits, like 00, or - for nothing")
	case l.From != "" && (strings.Trim(strings.TrimPrefix(l.From, "+"), "0123456789") != "" || strings.Trim(l.From, "+") == ""):
		return errors.New("the number that called people see is digits, with a + before the country code")
	}
	for _, text := range append([]string{l.User, l.AuthUser, l.Domain, secret}, l.Servers...) {
		if utf8.RuneCountInString(text) > mostText {
			return fmt.Errorf("that is too long: %d letters at most", mostText)
		}
	}
	for _, text := range l.Accepts {
		if _, err := network(text); err != nil {
			return err
		}
	}
	way, err := l.way(cmp.Or(secret, "none yet"))
	if err != nil {
		return err
	}
	return trunk.CheckLine(way)
}

// network reads where calls are let in from, and never a wide part of the
// world by a slip of the finger.
func network(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		if ip = ip.Unmap(); !ip.IsUnspecified() && ip.Zone() == "" {
			return netip.PrefixFrom(ip, ip.BitLen()), nil
		}
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is neither an IP address nor a network like 203.0.113.0/28", text)
	}
	if widest := map[bool]int{true: widest4, false: widest6}[p.Addr().Is4()]; p.Bits() < widest {
		return netip.Prefix{}, fmt.Errorf("%s is too wide: calls would be let in from more addresses than one provider has", text)
	}
	return p.Masked(), nil
}

// tidy takes away what people leave around what they type.
func (l *Line) tidy() {
	for _, text := range []*string{&l.Name, &l.User, &l.AuthUser, &l.Domain, &l.From, &l.Plus} {
		*text = strings.TrimSpace(*text)
	}
	l.From = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(l.From)
}

// way is the line as the telephone side takes it.
func (l Line) way(secret string) (trunk.Line, error) {
	out := trunk.Line{Name: l.Name, Kind: trunk.Static, Servers: l.Servers, User: l.User, AuthUser: l.AuthUser, Password: secret, Domain: l.Domain,
		From: call.Number(l.From), Plus: l.Plus, Transport: l.Transport, Encrypt: l.Encrypt, MaxCalls: l.MaxCalls}
	switch {
	case l.registers():
		out.Kind = trunk.Register
	case l.Kind == Address:
		out.Kind = trunk.ByIP
	}
	for _, text := range l.Accepts {
		p, err := network(text)
		if err != nil {
			return out, err
		}
		out.Accepts = append(out.Accepts, p)
	}
	if l.Certificate != "" {
		out.Authorities = x509.NewCertPool()
		if !out.Authorities.AppendCertsFromPEM([]byte(l.Certificate)) {
			return out, errors.New("that is no certificate: paste the whole text, which begins with -----BEGIN CERTIFICATE-----")
		}
	}
	return out, nil
}

func (r Rules) number(n Number) error {
	switch {
	case n.Number == "" || len(n.Number) > 40 || strings.ContainsAny(n.Number, " \t\r\n<>@;\"") || strings.ContainsFunc(n.Number, func(r rune) bool { return r < ' ' }):
		return errors.New("write the number as the other side sends it, without spaces")
	case !slices.Contains(Everywhere(), n.Leads):
		return errors.New("choose where the number leads")
	case n.Leads == Flow && !slices.Contains(r.Flows(), n.Name):
		return errors.New("choose the dialogue with which callers of this number begin")
	case n.Leads == Queue && !slices.Contains(r.Queues(), n.Name):
		return errors.New("choose the line in which callers of this number wait")
	case n.Leads != Flow && n.Leads != Queue && n.Name != "":
		return errors.New("only a dialogue or a line is chosen by its name")
	case n.Language != "" && !slices.Contains(r.Languages, n.Language):
		return errors.New("choose a language that callers are offered")
	}
	return nil
}

func (n Number) masked() string { return call.Number(n.Number).String() }

// differences are the names of the settings in which two lines differ, for the
// log.
func differences(a, b Line) []string {
	var out []string
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
		one, two := x.Field(i), y.Field(i)
		if one.Kind() == reflect.Slice && one.Len() == 0 && two.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(one.Interface(), two.Interface()) {
			out = append(out, name)
		}
	}
	return out
}
