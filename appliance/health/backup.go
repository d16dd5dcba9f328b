package health

import (
	"strconv"
	"time"
)

// Backup is how the second copy of the records is.
type Backup struct {
	Place    string    // "" = beside the records
	SameDisk bool      // lost together with them
	Started  time.Time // since when copies are made
	Last     time.Time // what was on disk then is safe; zero = nothing is
	Failed   string    // why the last try failed
	Gone     bool      // because the disk for them is not plugged in
	Key      bool      // somebody has the recovery key
	Sounds   int       // recordings and messages that are not copied yet

	Damaged  bool      // records on this disk are
	Restored time.Time // when the box last began with a backup by itself
	Until    time.Time // and what that one had
}

// How old a copy may be. It is made every minute.
const (
	backupFirst = 10 * time.Minute // for the first one
	backupLate  = 10 * time.Minute
	backupOld   = 2 * time.Hour
)

// Backups judges the second copy: that there is one, that it is young, that a
// fire does not take both, and that people can open it.
func Backups(b Backup, now time.Time) []Check {
	if b.Started.IsZero() {
		return nil
	}
	age := Check{State: Good, Words: "backup.good", Detail: b.Failed, Values: []string{"minutes", minutes(now.Sub(b.Last)), "place", b.Place}}
	switch {
	case b.Gone:
		age.State, age.Words = Watch, "backup.gone"
		if now.Sub(b.Last) > backupOld {
			age.State = Bad
		}
	case b.Last.IsZero() && now.Sub(b.Started) < backupFirst && b.Failed == "":
		age.State, age.Words = Watch, "backup.first"
	case b.Last.IsZero():
		age.State, age.Words = Bad, "backup.never"
	case now.Sub(b.Last) > backupOld:
		age.State, age.Words = Bad, "backup.old"
	case now.Sub(b.Last) > backupLate:
		age.State, age.Words = Watch, "backup.late"
	case b.Sounds > 0:
		age.Words, age.Values = "backup.sounds", append(age.Values, "sounds", strconv.Itoa(b.Sounds))
	}
	place := Check{State: Good, Words: "backup.away", Values: []string{"place", b.Place}}
	switch {
	case b.SameDisk:
		place.State, place.Words = Watch, "backup.beside"
	case !b.Key:
		place.State, place.Words = Bad, "backup.keyless"
	}
	checks := []Check{age, place}
	if b.Damaged {
		checks = append(checks, Check{State: Bad, Words: "records.damaged"})
	}
	if !b.Restored.IsZero() && now.Sub(b.Restored) < 7*24*time.Hour {
		checks = append(checks, Check{State: Watch, Words: "records.restored", Values: []string{
			"restored", b.Restored.Local().Format("2006-01-02 15:04"), "until", b.Until.Local().Format("2006-01-02 15:04:05")}})
	}
	return checks
}
