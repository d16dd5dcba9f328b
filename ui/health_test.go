package ui

import (
	"archive/zip"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/health"
	"hotline/appliance/trunk"
)

// measured is a box with something of everything.
func measured() health.Figures {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return health.Figures{Now: now, Started: now.Add(-3 * time.Hour), Version: "test",
		Load:  health.Load{SignedIn: 17, Entries: 4321, DataSize: 23 << 20},
		Trunk: trunk.Stats{Calls: 3, Limit: 100, Reserved: 5, Turned: 2},
		Lines: []trunk.LineState{
			{Name: "gateway", Up: true, Checked: true, Reason: "answers", Since: now.Add(-time.Hour), Calls: 2, Limit: 4},
			{Name: "carrier <b>", Checked: true, Reason: "server sip.example.org does not answer; check the network", Since: now.Add(-12 * time.Minute)},
		},
		Peers:    []trunk.PeerState{{Net: "192.0.2.7", Heard: now.Add(-4 * time.Minute)}, {Net: "192.0.2.8"}},
		DiskFree: 50 << 30, DiskSize: 100 << 30, Clock: health.Clock{Known: true, Synced: true},
		CertificateEnds: now.Add(90 * 24 * time.Hour),
		Backup:          health.Backup{Place: "/media/usb", Started: now.Add(-3 * time.Hour), Last: now.Add(-time.Minute), Key: true}}
}

func TestHealthIsToldInWordsWorstFirst(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	if floor := s.get(t, s.as(t, supervisor), "/floor").body; !strings.Contains(floor, "Act now: see the page Health") {
		t.Error("the floor page does not say that something is bad")
	}
	body := s.get(t, s.as(t, supervisor), "/health").body
	var at []int
	for _, text := range []string{
		"Act now", "Line carrier &lt;b&gt; has not worked for 12 min", "Check the network cable", "server sip.example.org does not answer",
		"Keep an eye on it", "Nothing has come from the telephone network at 192.0.2.8", "Call the hotline from any telephone",
		"Line gateway works. Calls on it now: 2.", "192.0.2.7 was last heard 4 min ago", "3 of 100 now. Callers turned away since the start: 2.",
		"Every call is written down", "50 GB of 100 GB", "The clock is kept right", "Days left: 90", "Version test, running for 3 h",
		"Phone volunteers signed in", "17", "3 of 100 at a time", "4321", "23 MB", // how much it carries (L3)
	} {
		i := strings.Index(body, text)
		if i < 0 {
			t.Errorf("the page does not say %q", text)
		}
		at = append(at, i)
	}
	if !slices.IsSorted(at[:8]) {
		t.Errorf("what is worst is not first: %v", at)
	}
}

// Whoever looks after the machine gets a file to send to somebody who helps, and
// the log says who took it. A supervisor has no use for it.
func TestTheFileForWhoeverHelps(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	if got := s.get(t, s.as(t, supervisor), "/health/support.zip"); got.status != http.StatusForbidden {
		t.Errorf("a supervisor: %d", got.status)
	}
	if strings.Contains(s.get(t, s.as(t, supervisor), "/health").body, "support.zip") {
		t.Error("a supervisor is offered the file")
	}
	client := s.as(t, admin)
	if !strings.Contains(s.get(t, client, "/health").body, "support.zip") {
		t.Error("an administrator is not offered the file")
	}
	got := s.get(t, client, "/health/support.zip")
	archive, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	if err != nil || len(archive.File) != 6 || !strings.Contains(got.header.Get("Content-Disposition"), "hotline-health-20261120-0900.zip") {
		t.Fatalf("%d, %v: %v", got.status, got.header, err)
	}
	if noted := s.noted(t, "support.taken"); len(noted) != 1 || noted[0].By != s.ids[admin] {
		t.Errorf("the log says %+v", noted)
	}
}

// Every sentence that a check can say is there, in every language.
func TestEveryCheckHasWords(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	now := time.Now()
	var all []health.Check
	for _, f := range []health.Figures{
		measured(),
		{Now: now, Trunk: trunk.Stats{Calls: 95, Limit: 100, Reserved: 5}, Lines: []trunk.LineState{{Name: "a"}, {Name: "b", Checked: true, Up: true, Limit: 1, Calls: 1}},
			Peers: []trunk.PeerState{{Net: "x", Heard: now.Add(-48 * time.Hour)}}, DiskFree: 1, DiskSize: 2 << 40, Clock: health.Clock{Jumped: time.Hour},
			CertificateEnds: now.Add(-time.Hour), Unsaved: 1, Panics: 1},
		{Now: now, Trunk: trunk.Stats{Calls: 85, Limit: 100}, DiskFree: 1 << 30, DiskSize: 2 << 40, Clock: health.Clock{Jumped: -time.Minute}, CertificateEnds: now.Add(time.Hour)},
		{Now: now, Trunk: trunk.Stats{Limit: 100}, Clock: health.Clock{Known: true}},
		{Now: now, Trunk: trunk.Stats{Limit: 100}},
		{Now: now, Backup: health.Backup{Started: now}, DiskFull: true},
		{Now: now, Backup: health.Backup{Started: now.Add(-time.Hour), SameDisk: true}},
		{Now: now, Backup: health.Backup{Started: now, Last: now.Add(-time.Hour), Damaged: true, Restored: now, Until: now}},
		{Now: now, Backup: health.Backup{Started: now, Last: now.Add(-5 * time.Hour)}},
		{Now: now, Backup: health.Backup{Started: now, Last: now, Sounds: 1}},
		{Now: now, Strain: health.StrainSound},
		{Now: now, Strain: health.StrainBusy},
		{Now: now, Strain: health.StrainMemory, Trunk: trunk.Stats{Rejected: map[int]uint64{488: 2}}},
		{Now: now, Rehearsal: health.Rehearsal{Since: now}},
		{Now: now, Rehearsal: health.Rehearsal{Since: now.Add(-4 * time.Hour)}},
		{Now: now, Rehearsal: health.Rehearsal{Since: now, Last: now}},
		{Now: now, Rehearsal: health.Rehearsal{Since: now, Last: now, Failed: 1}},
		{Now: now, Rehearsal: health.Rehearsal{Since: now, Last: now.Add(-4 * time.Hour)}},
	} {
		all = append(all, health.Checks(f)...)
	}
	seen := map[string]bool{}
	for _, tag := range s.server.words.Tags() {
		text := s.server.words.Choose("", tag)
		for _, c := range all {
			seen[c.Words] = true
			keys := []string{"health." + c.Words, "health.state." + c.State.String()}
			if c.State != health.Good {
				keys = append(keys, "health."+c.Words+".next")
			}
			for _, key := range keys {
				if !text.Known(key) || strings.Contains(text.F(key, c.Values...), "{") {
					t.Errorf("%s: %q says %q", tag, key, text.F(key, c.Values...))
				}
			}
		}
	}
	if len(seen) != 49 {
		t.Errorf("%d sentences of checks were looked at, of 49", len(seen))
	}
}
