package export

import (
	"fmt"
	"io"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/table"
)

// This file is what an export is: what can be exported, what somebody asks for, and
// how far it is.

// Set is one thing that can be exported: a table, or a file of a form of its
// own.
type Set struct {
	Name  string
	Table func() table.Table
	File  *File
}

// File is a set that is written in a form that others prescribe.
type File struct {
	Name, Type string // of the file: "missing_persons.xml", "application/xml"
	Least      table.Level
	Write      func(w io.Writer, cut Cut) (rows int, err error)
}

// Cut is how much of its records a File holds.
type Cut struct {
	Level table.Level
	Since time.Time
	To    string // for whom it is meant: sharing.Inside, Helpers or Public
}

// Least is the lowest level with which the set says anything.
func (s Set) Least() table.Level {
	if s.File != nil {
		return s.File.Least
	}
	return s.Table().Least()
}

// Formats of tables.
const (
	XLSX  = "xlsx"
	CSV   = "csv"
	JSONL = "jsonl"
)

// Formats are all formats of tables, the one that most people want first.
func Formats() []string { return []string{XLSX, CSV, JSONL} }

// State is how far a job is.
type State string

// States. A job of the level Full waits for a second person first.
const (
	Waiting   State = "waiting"
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Refused   State = "refused"
	Gone      State = "gone"    // the file was deleted, or nobody approved in time
	Carried   State = "carried" // to the place of its order
)

// Request is what is wanted.
type Request struct {
	Sets      []string    `json:"sets"`
	Formats   []string    `json:"formats"`
	Level     table.Level `json:"level"`
	Since     time.Time   `json:"since,omitzero"` // only what changed from then on
	HXL       bool        `json:"hxl,omitempty"`
	Filter    string      `json:"filter,omitempty"` // only what it finds, of the one set that it is about
	Reason    string      `json:"reason"`
	Recipient string      `json:"recipient,omitempty"` // organisation that gets it
	To        string      `json:"to,omitempty"`        // for whom it is: sharing.Inside ("", too), Helpers or Public
	Password  string      `json:"password,omitempty"`
	By        string      `json:"by"` // account
	Name      string      `json:"name"`
	Via       string      `json:"via"`
}

// Job is one export.
type Job struct {
	ID       string    `json:"id"`
	Request  Request   `json:"request"`
	State    State     `json:"state"`
	Asked    time.Time `json:"asked"`
	Second   string    `json:"second,omitempty"` // account that approved or refused
	SecondBy string    `json:"second_by,omitempty"`
	Ended    time.Time `json:"ended,omitzero"`
	Blob     string    `json:"blob,omitempty"`
	Size     int64     `json:"size,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
	Rows     int       `json:"rows,omitempty"`
	Parts    []Part    `json:"parts,omitempty"` // of a file that is made
	Until    time.Time `json:"until,omitzero"`  // the file is kept
	Locked   bool      `json:"locked,omitempty"`
	Mark     string    `json:"mark,omitempty"` // of the event log when it was begun
	Error    string    `json:"error,omitempty"`
	Order    string    `json:"order,omitempty"` // that it is made for: it is carried to a place, and not away from here
}

// Part is how much of one set is in the file, and how much is not.
type Part struct {
	Set  string `json:"set"`
	Rows int    `json:"rows"`
	// Withheld are records that were found and may not leave with the level, or
	// to those for whom the file is. The file itself does not tell.
	Withheld int `json:"withheld,omitempty"`
}

// FileName is what the file is called when it is carried away.
func (j Job) FileName() string {
	what := "records"
	if len(j.Request.Sets) == 1 {
		what = j.Request.Sets[0]
	}
	return fmt.Sprintf("%s-%s-%s.zip", what, j.Request.Level, j.Asked.Local().Format("2006-01-02-1504"))
}

// end notes that nothing more is done; the password has served.
func (j *Job) end(tx *store.Tx) { j.Ended, j.Request.Password = tx.Now(), "" }
