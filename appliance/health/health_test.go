package health

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/trunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatEachCheckFinds(t *testing.T) {
	now := time.Now()
	hour := now.Add(-time.Hour)
	bad := map[string]bool{}
	for name, tc := range map[string]struct {
		check Check
		want  string
	}{
		"a line that answers":            {Lines([]trunk.LineState{{Up: true, Checked: true}}, now)[0], "good line.up"},
		"a line that does not":           {Lines([]trunk.LineState{{Checked: true}}, now)[0], "bad line.down"},
		"a line not yet checked":         {Lines([]trunk.LineState{{Up: true}}, now)[0], "watch line.unchecked"},
		"a full line":                    {Lines([]trunk.LineState{{Up: true, Checked: true, Calls: 2, Limit: 2}}, now)[0], "watch line.full"},
		"a peer heard":                   {Peers([]trunk.PeerState{{Heard: hour}}, now)[0], "good peer.heard"},
		"a peer never heard":             {Peers([]trunk.PeerState{{}}, now)[0], "watch peer.never"},
		"a peer quiet for days":          {Peers([]trunk.PeerState{{Heard: now.Add(-50 * time.Hour)}}, now)[0], "watch peer.quiet"},
		"room for calls":                 {Calls(trunk.Stats{Calls: 79, Limit: 100, Reserved: 5}), "good calls.room"},
		"nearly full":                    {Calls(trunk.Stats{Calls: 80, Limit: 100, Reserved: 5}), "watch calls.nearly"},
		"full for callers":               {Calls(trunk.Stats{Calls: 95, Limit: 100, Reserved: 5}), "bad calls.full"},
		"a disk with room":               {Disk(3<<30, 9<<30, false), "good disk.room"},
		"a disk with little":             {Disk(1<<30, 9<<30, false), "watch disk.short"},
		"a disk with none":               {Disk(1<<20, 9<<30, false), "bad disk.full"},
		"a disk that is full":            {Disk(9<<30, 9<<30, true), "bad disk.reserve"},
		"a disk that cannot be asked":    {Disk(0, 0, false), "watch disk.unknown"},
		"a machine too hot":              {Heat{86, 90}.Checks()[0], "bad heat.over"},
		"a warm one":                     {Heat{86, 100}.Checks()[0], "watch heat.high"},
		"a clock that is kept right":     {Clock{Known: true, Synced: true}.Check(), "good clock.good"},
		"a clock that is alone":          {Clock{Known: true}.Check(), "watch clock.alone"},
		"a clock of hardware that stood": {Clock{Known: true, Off: -30 * 24 * time.Hour}.Check(), "bad clock.lost"},
		"a clock that a person set":      {Clock{Known: true, Kept: true, Jumped: time.Hour}.Check(), "watch clock.set"},
		"one that lags":                  {Clock{Known: true, Off: -time.Minute}.Check(), "watch clock.alone"},
		"one that a network sets right":  {Clock{Known: true, Synced: true, Off: -30 * 24 * time.Hour}.Check(), "good clock.good"},
		"no clock without power":         {Clock{Known: true, Forgets: true}.Check(), "watch clock.forgets"},
		"a clock that was set":           {Clock{Known: true, Synced: true, Jumped: -20 * time.Second}.Check(), "watch clock.set"},
		"a date that leapt":              {Clock{Known: true, Synced: true, Leapt: 8, Jumped: time.Hour}.Check(), "bad clock.leap"},
		"a clock that jumped":            {Clock{Known: true, Synced: true, Jumped: -time.Hour}.Check(), "bad clock.jumped"},
		"a certificate for months":       {Certificate(now.Add(90*24*time.Hour), now), "good certificate.good"},
		"a certificate for days":         {Certificate(now.Add(5*24*time.Hour), now), "watch certificate.soon"},
		"a certificate that is over":     {Certificate(hour, now), "bad certificate.over"},
		"records that were not written":  {Records(1), "bad records.unsaved"},
		"records that were":              {Records(0), "good records.saved"},
		"faults":                         {Faults(2), "watch faults.some"},
		"a key in its place":             {Key{Kind: "file"}.Checks()[0], "good key.good"},
		"a stick that is away":           {Key{Kind: "stick", Away: true}.Checks()[0], "watch key.away"},
		"calls of a locked time":         {Key{Kind: "file", Waiting: 1}.Checks()[1], "bad key.waiting"},
		"a box without its key":          {Key{Locked: true}.Checks()[0], "bad key.locked"},
		"a first backup to come":         {Backups(Backup{Started: now}, now)[0], "watch backup.first"},
		"a first backup that failed":     {Backups(Backup{Started: now, Failed: "no"}, now)[0], "bad backup.never"},
		"no backup":                      {Backups(Backup{Started: hour}, now)[0], "bad backup.never"},
		"a fresh backup":                 {Backups(Backup{Started: hour, Last: now.Add(-time.Minute)}, now)[0], "good backup.good"},
		"a late backup":                  {Backups(Backup{Started: hour, Last: hour}, now)[0], "watch backup.late"},
		"an old backup":                  {Backups(Backup{Started: hour, Last: now.Add(-3 * time.Hour)}, now)[0], "bad backup.old"},
		"a backup of records only":       {Backups(Backup{Started: hour, Last: now, Sounds: 2}, now)[0], "good backup.sounds"},
		"a backup beside the records":    {Backups(Backup{Started: hour, SameDisk: true}, now)[1], "watch backup.beside"},
		"a backup nobody can open":       {Backups(Backup{Started: hour}, now)[1], "bad backup.keyless"},
		"a backup away":                  {Backups(Backup{Started: hour, Key: true}, now)[1], "good backup.away"},
		"an export that is overdue":      {Orders([]Order{{}, {Late: true}})[0], "bad export.late"},
		"an export without an owner":     {Orders([]Order{{Stopped: true}, {Failed: now}})[0], "bad export.stopped"},
		"an export that cannot leave":    {Orders([]Order{{}, {Failed: now}})[0], "watch export.failing"},
		"a system that restarts":         {Hooks([]Hook{{Name: "map", Failing: now.Add(-time.Minute)}}, now)[0], "good hook.good"},
		"a system that takes nothing":    {Hooks([]Hook{{}, {Name: "map", Failing: now.Add(-time.Hour)}}, now)[0], "watch hook.failing"},
		"nothing for two days":           {Hooks([]Hook{{Name: "map", Failing: now.Add(-48 * time.Hour)}}, now)[0], "bad hook.failing"},
		"a system that wants no more":    {Hooks([]Hook{{Name: "map", Gone: true}}, now)[0], "watch hook.gone"},
		"exports that arrive":            {Orders([]Order{{}})[0], "good export.good"},
		"sound in a wrong form":          {Sound(2)[0], "bad sound.refused"},
		"a box that rehearses soon":      {Rehearsals(Rehearsal{Since: hour}, now)[0], "good rehearsal.soon"},
		"a box that never rehearsed":     {Rehearsals(Rehearsal{Since: now.Add(-5 * time.Hour)}, now)[0], "watch rehearsal.never"},
		"a rehearsal that passed":        {Rehearsals(Rehearsal{Since: hour, Last: hour}, now)[0], "good rehearsal.passed"},
		"a rehearsal that failed":        {Rehearsals(Rehearsal{Since: hour, Last: hour, Failed: 2}, now)[0], "bad rehearsal.failed"},
		"a rehearsal long ago":           {Rehearsals(Rehearsal{Since: hour, Last: now.Add(-4 * time.Hour)}, now)[0], "watch rehearsal.old"},
		"damaged records":                {Backups(Backup{Started: hour, Damaged: true}, now)[2], "bad records.damaged"},
		"a box that restored itself":     {Backups(Backup{Started: hour, Restored: hour}, now)[2], "watch records.restored"},
		"a certificate that renews":      {Got{Names: "a", Begins: now.Add(-30 * 24 * time.Hour), Ends: now.Add(60 * 24 * time.Hour)}.Checks(now)[0], "good got.good"},
		"one that does not, in time":     {Got{Names: "a", Begins: now.Add(-70 * 24 * time.Hour), Ends: now.Add(20 * 24 * time.Hour), Failing: now}.Checks(now)[0], "watch got.failing"},
		"one that does not, in no time":  {Got{Names: "a", Begins: now.Add(-82 * 24 * time.Hour), Ends: now.Add(8 * 24 * time.Hour), Failing: now}.Checks(now)[0], "bad got.ending"},
		"one that is over":               {Got{Names: "a", Begins: now.Add(-90 * 24 * time.Hour), Ends: now, Failing: now}.Checks(now)[0], "bad got.over"},
		"calls that sound well":          {Quality{Trunk: Way{Calls: 40, Bad: 1}, Agents: Way{Calls: 30, Bad: 1}}.Checks()[0], "good sound.good"},
		"a trunk that gets worse":        {Quality{Trunk: Way{Calls: 20, Bad: 2}}.Checks()[0], "watch sound.trunk"},
		"bad luck on a busy day":         {Quality{Trunk: Way{Calls: 100, Bad: 9}}.Checks()[0], "good sound.good"},
		"a trunk that loses sound":       {Quality{Trunk: Way{Calls: 15, Bad: 3}}.Checks()[0], "bad sound.trunk"},
		"a bad network of the agents":    {Quality{Trunk: Way{Calls: 15}, Agents: Way{Calls: 12, Bad: 6}}.Checks()[0], "bad sound.agents"},
		"a strained machine":             {Strained(StrainSound, 9), "bad strain.sound"},
		"a machine busy with other work": {Strained(StrainBusy, 9), "watch strain.busy"},
		"a machine without memory":       {Strained(StrainMemory, 9), "bad strain.memory"},
		"a line that is not there":       {LostLines{From: []LostLine{{}}}.Checks()[0], "bad lost.leads"},
		"one that never came":            {Got{Names: "a", Failing: now}.Checks(now)[0], "watch got.none"},
	} {
		if tc.check.State == Bad {
			bad[tc.check.Words] = true
		}
		if got := tc.check.State.String() + " " + tc.check.Words; got != tc.want {
			t.Errorf("%s is judged %q, want %q", name, got, tc.want)
		}
	}
	if known := slices.Sorted(slices.Values(Grave())); !slices.Equal(known, slices.Sorted(maps.Keys(bad))) {
		t.Errorf("bad can be %q, and are here %q", known, slices.Sorted(maps.Keys(bad)))
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	all := Checks(Figures{Now: time.Now(), Trunk: trunk.Stats{Limit: 10}, Unsaved: 3, DiskFree: 1 << 40, DiskSize: 1 << 41})
	if all[0].Words != "records.unsaved" || Worst(all) != Bad {
		t.Errorf("first comes %+v", all[0])
	}
	for i := range all[1:] {
		if all[i].State > all[i+1].State {
			t.Errorf("%s comes before %s", all[i].Words, all[i+1].Words)
		}
	}
}

func TestAClockThatIsSetIsNoticed(t *testing.T) {
	start := time.Now()
	k := NewTimekeeper(start)
	if c := k.Clock(start.Add(time.Hour)); c.Jumped != 0 {
		t.Errorf("an hour that passed is a jump of %v", c.Jumped)
	}
	// What is left without the reading of the steady clock is the wall alone.
	k.start = start.Round(0).Add(-time.Minute)
	k.steady = func(time.Time) time.Duration { return 0 }
	if c := k.Clock(start); c.Jumped != time.Minute {
		t.Errorf("a minute is noticed as %v", c.Jumped)
	}
}

func TestFiguresForPrograms(t *testing.T) {
	f := Figures{Now: time.Now(), Version: "1.2", Trunk: trunk.Stats{Calls: 7, Limit: 10, Rejected: map[int]uint64{503: 4}},
		Lines: []trunk.LineState{{Name: "gateway", Up: true, Calls: 2}, {Name: "other"}}, Unsaved: 1}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- NewMetrics(func() Figures { return f }).Run(ctx, l) }()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	read := func(path string) (int, string) {
		res, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	status, body := read("/metrics")
	for _, line := range []string{"hotline_calls 7", "hotline_calls_limit 10", `hotline_sip_rejected_total{status="503"} 4`, `hotline_line_up{line="gateway"} 1`,
		`hotline_line_up{line="other"} 0`, `hotline_line_calls{line="gateway"} 2`, `hotline_build_info{version="1.2"} 1`, "hotline_records_unsaved_total 1", "hotline_health 0", "process_resident_memory_bytes"} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("%d: there is no %q", status, line)
		}
	}
	if status, _ := read("/"); status != http.StatusNotFound {
		t.Errorf("something else is served: %d", status)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
