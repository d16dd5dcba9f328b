package bundle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/place"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/appliance/webhooks"
)

// Ways to other machines are secrets through and through: their addresses let
// whoever knows them in, their passwords all the more. So they do not stand in the
// bundle but in the file of secrets beside it, whole.

// Webhook is another system that is told what happens. It is known by its name.
type Webhook struct {
	Name    string   `yaml:"name"`
	URL     string   `yaml:"url"`
	Topics  []string `yaml:"topics"`
	Network string   `yaml:"network,omitempty"`
	Secret  string   `yaml:"secret"`
	Paused  bool     `yaml:"paused,omitempty"`
}

// Order is an export that is made again and again. One that comes with a bundle
// rests, until somebody lets it go on in their own name.
type Order struct {
	Sets      []string `yaml:"sets"`
	Formats   []string `yaml:"formats"`
	Level     string   `yaml:"level"`
	HXL       bool     `yaml:"hxl,omitempty"`
	Filter    string   `yaml:"filter,omitempty"`
	Reason    string   `yaml:"reason"`
	Recipient string   `yaml:"recipient,omitempty"`
	To        string   `yaml:"to"`
	Password  string   `yaml:"password,omitempty"`
	Age       string   `yaml:"age,omitempty"`

	Folder  string `yaml:"folder"`
	Server  string `yaml:"server,omitempty"`
	User    string `yaml:"user,omitempty"`
	Word    string `yaml:"server_password,omitempty"`
	HostKey string `yaml:"server_key,omitempty"`

	Every   string `yaml:"every"`
	Day     int    `yaml:"day,omitempty"` // of a weekly one, from Sunday, which is 0
	At      string `yaml:"at"`
	Changed bool   `yaml:"only_changes,omitempty"`
	Keep    int    `yaml:"keep"`
}

func orderOf(o export.Order) Order {
	r, p := o.Request, o.Place
	return Order{r.Sets, r.Formats, r.Level.String(), r.HXL, r.Filter, r.Reason, r.Recipient, r.To, r.Password, o.Age,
		p.Folder, p.Server, p.User, p.Password, p.HostKey, string(o.Every), int(o.Day), o.At, o.Changed, o.Keep}
}

func (o Order) order() (export.Order, error) {
	level, err := table.ParseLevel(o.Level)
	if err != nil {
		return export.Order{}, fmt.Errorf("there is no level %q; there are L0, L1, L2", o.Level)
	}
	return export.Order{Request: export.Request{Sets: o.Sets, Formats: o.Formats, Level: level, HXL: o.HXL, Filter: o.Filter, Reason: o.Reason, Recipient: o.Recipient, To: o.To, Password: o.Password},
		Age: o.Age, Place: place.Place{Folder: o.Folder, Server: o.Server, User: o.User, Password: o.Word, HostKey: o.HostKey},
		Every: export.Rhythm(o.Every), Day: time.Weekday(o.Day), At: o.At, Changed: o.Changed, Keep: o.Keep}, nil
}

// connectionsOf are those of a hotline.
func connectionsOf(h Hotline) (hooks []Webhook, orders []Order, err error) {
	post := webhooks.New(webhooks.Config{Store: h.Store, Topics: h.Topics})
	list, err := post.List()
	if err != nil {
		return nil, nil, err
	}
	secrets, err := post.Secrets()
	if err != nil {
		return nil, nil, err
	}
	for _, one := range list {
		hooks = append(hooks, Webhook{one.Name, one.URL, one.Topics, one.Network, secrets[one.ID], one.Paused})
	}
	err = h.Store.View(func(tx *store.Tx) error {
		orders = nil
		for _, o := range export.CarriedOrders(tx) {
			orders = append(orders, orderOf(o))
		}
		return nil
	})
	return hooks, orders, err
}

// takeHooks connects the systems of the file of secrets.
func (r *run) takeHooks() error {
	post := webhooks.New(webhooks.Config{Store: r.in, Topics: r.to.Topics})
	for i, wanted := range r.secret.Webhooks {
		list, err := post.List()
		if err != nil {
			return err
		}
		secrets, err := post.Secrets()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(r.secret.Webhooks[:i], func(w Webhook) bool { return w.Name == wanted.Name }) {
			r.hookProblem(wanted.Name, errors.New("this name is given twice"))
			continue
		}
		next := webhooks.Hook{Name: wanted.Name, URL: wanted.URL, Topics: wanted.Topics, Network: wanted.Network, Secret: wanted.Secret, Paused: wanted.Paused, By: r.to.By}
		if !webhooks.IsSecret(wanted.Secret) {
			r.hookProblem(wanted.Name, errors.New("its secret begins with whsec_, and has at least 24 bytes behind that, in base64"))
			continue
		}
		changes := []Change{{Kind: New, File: "webhooks", Name: wanted.Name, Is: next.Host()}}
		if at := slices.IndexFunc(list, func(s webhooks.Status) bool { return s.Name == wanted.Name }); at >= 0 {
			was := list[at].Hook
			next.ID = was.ID
			changes = hookChanges(Webhook{was.Name, was.URL, was.Topics, was.Network, secrets[was.ID], was.Paused}, wanted)
		}
		if len(changes) == 0 {
			r.same++
			continue
		}
		if err := post.Put(r.ctx, next, r.to.Via); err != nil {
			r.hookProblem(wanted.Name, err)
			continue
		}
		r.changes = append(r.changes, changes...)
	}
	return nil
}

// hookChanges is what changes in a connection, without what is secret.
func hookChanges(was, is Webhook) []Change {
	var out []Change
	if was.URL != is.URL || was.Secret != is.Secret {
		out = append(out, Change{Kind: Address, File: "webhooks", Name: is.Name})
	}
	type open struct {
		Topics  []string `yaml:"topics"`
		Network string   `yaml:"network"`
		Paused  bool     `yaml:"paused"`
	}
	return append(out, differences("webhooks.yaml", is.Name, open{was.Topics, was.Network, was.Paused}, open{is.Topics, is.Network, is.Paused})...)
}

func (r *run) hookProblem(name string, err error) {
	var mistake webhooks.Mistake
	text := sentence(err)
	if errors.As(err, &mistake) {
		if known, ok := hookMistakes()[mistake]; ok {
			text = known
		}
	}
	r.problemWith(fmt.Sprintf("webhook %q", name), r.secret.file, 0, 0, text)
}

func hookMistakes() map[webhooks.Mistake]string {
	return map[webhooks.Mistake]string{
		webhooks.WrongName:    "say in a few words which system it is",
		webhooks.WrongURL:     "its address begins with https:// and has no name, password or # in it",
		webhooks.WrongPlain:   "without encryption (http://) only systems in your own network are told: name the network, or an address with https://",
		webhooks.WrongPrivate: "its address is in a private network: name the network, if that is meant",
		webhooks.WrongNetwork: "its network is no private one, like 192.168.1.0/24",
		webhooks.WrongTopics:  "say what the system shall hear about",
		webhooks.TooMany:      "there are too many connections",
	}
}

// takeOrders stores the regular exports of the file of secrets, resting.
func (r *run) takeOrders() error {
	for i, wanted := range r.secret.Exports {
		ord, err := wanted.order()
		if err != nil {
			r.problemWith(fmt.Sprintf("export %d", i+1), r.secret.file, 0, 0, sentence(err))
			continue
		}
		fresh := false
		err = r.in.Update(r.ctx, func(tx *store.Tx) (err error) {
			fresh, err = export.PutCarried(tx, ord, r.to.By, r.to.Via, r.cfg.Operation)
			return err
		})
		switch {
		case errors.Is(err, export.TooMany):
			r.problemWith(fmt.Sprintf("export %d", i+1), r.secret.file, 0, 0, "there are too many regular exports")
		case err != nil:
			return err
		case !fresh:
			r.same++
		default:
			r.changes = append(r.changes, Change{Kind: New, File: "exports", Name: fmt.Sprint(i + 1), Is: said(struct {
				Sets  []string `yaml:"sets"`
				Level string   `yaml:"level"`
				To    string   `yaml:"place"`
			}{wanted.Sets, wanted.Level, ord.Place.String()})})
			r.rest++
		}
	}
	if r.rest > 0 {
		r.notes = append(r.notes, Note{Kind: OrdersRest})
	}
	return nil
}
