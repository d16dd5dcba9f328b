package trunk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nyaruka/phonenumbers"

	"hotline/appliance/call"
)

// permitted puts the number into its full form and asks the policy. Emergency
// and premium-rate numbers are refused whatever the policy says: the one would
// bring help to the hotline instead of the caller, the other is what those who
// break into telephone systems dial.
func (t *Trunk) permitted(o *Outgoing) (call.Number, error) {
	to, err := Dialable(o.To, t.cfg.Region)
	if err != nil {
		return "", err
	}
	if t.cfg.Allow == nil {
		return "", errors.New("calls out are not allowed on this hotline; an administrator can allow numbers in the settings")
	}
	if err := t.cfg.Allow(to, o.Role); err != nil {
		return "", err
	}
	return to, nil
}

// Dialable puts a number into its full form, or says why no policy may allow it.
func Dialable(number call.Number, region string) (call.Number, error) {
	raw := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "", ".", "", "\u00a0", "").Replace(string(number))
	if digits := strings.TrimPrefix(raw, "+"); digits == "" || strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", errors.New("that is not a telephone number")
	}
	if phonenumbers.IsEmergencyNumber(raw, region) || slices.Contains([]string{"112", "911", "999", "000"}, raw) {
		return "", errors.New("the hotline does not dial emergency numbers; call from a telephone at the place of the emergency")
	}
	to := call.ParseNumber(raw, region)
	if parsed, err := phonenumbers.Parse(string(to), region); err == nil && to.E164() {
		switch phonenumbers.GetNumberType(parsed) {
		case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
			return "", errors.New("the hotline does not dial numbers that cost extra")
		}
	}
	return to, nil
}

// OutboundPolicy is a list of what may be dialled, for Config.Allow. Its zero
// value allows nothing.
type OutboundPolicy struct {
	Rules   []DialRule
	More    func() []DialRule // besides Rules; asked for each call; nil: none
	PerHour int               // calls out in any hour, all together; 60 when 0
	Limit   func() int        // PerHour as it is now; asked for each call; nil: PerHour

	Now func() time.Time // time.Now when nil

	mu    sync.Mutex
	dials []time.Time
}

// DialRule allows numbers to roles.
type DialRule struct {
	Roles    []string      // every role when empty
	Prefixes []string      // of full numbers: "+34", "+1202"
	Numbers  []call.Number // exactly these; also extensions of a PBX
}

const defaultPerHour = 60

// Permits says whether the rules allow a call, whatever was dialled before.
func (p *OutboundPolicy) Permits(to call.Number, role string) error {
	rules := p.Rules
	if p.More != nil {
		rules = slices.Concat(rules, p.More())
	}
	if !slices.ContainsFunc(rules, func(r DialRule) bool { return r.allows(to, role) }) {
		return fmt.Errorf("calls to %s are not allowed for this role; an administrator can allow the number or its country in the settings", to)
	}
	return nil
}

// Allow implements Config.Allow.
func (p *OutboundPolicy) Allow(to call.Number, role string) error {
	if err := p.Permits(to, role); err != nil {
		return err
	}
	now := time.Now()
	if p.Now != nil {
		now = p.Now()
	}
	limit := p.PerHour
	if p.Limit != nil {
		limit = p.Limit()
	}
	if limit <= 0 {
		limit = defaultPerHour
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dials = slices.DeleteFunc(p.dials, func(at time.Time) bool { return now.Sub(at) >= time.Hour })
	if len(p.dials) >= limit {
		return fmt.Errorf("the hotline has made its %d calls out of this hour; try again later, or an administrator can raise the limit", limit)
	}
	p.dials = append(p.dials, now)
	return nil
}

func (r DialRule) allows(to call.Number, role string) bool {
	if len(r.Roles) > 0 && !slices.Contains(r.Roles, role) {
		return false
	}
	if slices.Contains(r.Numbers, to) {
		return true
	}
	return to.E164() && slices.ContainsFunc(r.Prefixes, func(prefix string) bool {
		return len(prefix) > 1 && prefix[0] == '+' && strings.HasPrefix(string(to), prefix)
	})
}
