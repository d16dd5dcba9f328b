package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hotline/appliance/boxkey"
	"hotline/appliance/store"
)

// boxKey is the key of the records of the test, in a folder of its own.
func (s *script) boxKey(t *testing.T) BoxKey {
	t.Helper()
	dir := t.TempDir()
	keys, err := boxkey.Open(dir)
	if err == nil {
		err = keys.Adopt(s.store.Key(), "")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.keyDir = dir
	return boxkey.Owner{Keeper: keys, Records: s.store}
}

// An administrator puts the key under a passphrase and on a stick. What is
// wrong is said and changes nothing.
func TestAnAdministratorChangesHowTheKeyIsKept(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	if got := s.get(t, client, "/admin/key"); !strings.Contains(got.body, `data-kind="file"`) || !strings.Contains(got.body, "Nobody has a recovery key") {
		t.Errorf("at the beginning the page says %s", got.body)
	}
	const phrase = "river lantern copper seven meadow"
	for _, wrong := range []url.Values{
		{}, {"kind": {"moon"}}, {"kind": {"passphrase"}}, {"kind": {"passphrase"}, "passphrase": {"short"}, "again": {"short"}},
		{"kind": {"passphrase"}, "passphrase": {phrase}, "again": {phrase + "s"}}, {"kind": {"stick"}}, {"kind": {"stick"}, "place": {s.keyDir}}, {"kind": {"stick:"}}, {"kind": {"stick:" + s.keyDir}},
	} {
		if got := s.post(t, client, "/admin/key", wrong); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "There is a problem") || strings.Contains(got.body, phrase) {
			t.Errorf("%v: %d", wrong, got.status)
		}
	}
	stick, other := t.TempDir(), t.TempDir()
	for _, way := range []struct {
		kind, said string
		form       url.Values
	}{
		{"passphrase", "", url.Values{"kind": {"passphrase"}, "passphrase": {phrase}, "again": {phrase}}},
		{"stick", stick, url.Values{"kind": {"stick"}, "place": {stick}}},
		{"stick", other, url.Values{"kind": {"stick:" + other}}}, // a disk of the list
	} {
		if got := s.post(t, client, "/admin/key", way.form); got.status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", way.kind, got.status, got.body)
		}
		if got := s.get(t, client, "/admin/key?done=kept"); !strings.Contains(got.body, `data-kind="`+way.kind+`"`) || !strings.Contains(got.body, "kept in this way now") || !strings.Contains(got.body, way.said) {
			t.Errorf("afterwards the page says %s", got.body)
		}
	}
	if noted := s.noted(t, boxkey.EventChanged); len(noted) != 3 || noted[0].By != s.ids[admin] {
		t.Errorf("noted is %+v", noted)
	}
	if err := s.store.View(func(tx *store.Tx) error {
		tx.EachValue(func(table, key string, value []byte) {
			if strings.Contains(string(value), phrase) {
				t.Errorf("the passphrase stands in %s", table)
			}
		})
		return nil
	}); err != nil {
		t.Error(err)
	}
}
