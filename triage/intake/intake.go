// Package intake brings records in from files: registered volunteers, the
// directory of services, lists of people to be called. First it says line by
// line what would happen (Check), then it does all of it or nothing (Start), and
// it can take it back (Undo).
//
// What a row may say, and when two are the same, belongs to the owners of the
// records; here a Target names their functions. A new kind of record that can be
// imported is a new Target and its words.
//
// A big file must not keep calls from the one writer of the store. So the records
// of an import are written hidden, some at a time, and shown by one small
// transaction when all are there (store.Tx.Hide). A stop before that leaves
// hidden records, which Run removes at the next start; nobody ever sees part of
// an import.
package intake

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/store"
)

// Kind is what a field holds.
type Kind string

// Kinds of fields, and what a row has for them.
const (
	Text    Kind = "text"    // string
	Phone   Kind = "phone"   // string: E.164, or as written
	Day     Kind = "day"     // string: year-month-day
	Moment  Kind = "moment"  // time.Time
	Count   Kind = "count"   // int
	Tick    Kind = "tick"    // bool
	One     Kind = "one"     // string: one of the choices
	Several Kind = "several" // []string: of the choices
)

// Field is something that a row can say.
type Field struct {
	Name    string
	Kind    Kind
	Heads   []string // what columns are called that hold it, beside its name and its words on the pages
	Choices []string
	Offer   func() []string // choices that operators change
	Any     bool            // other values than the choices are taken as they are
	Joined  bool            // several columns make one text
	Must    bool            // a file without it cannot be imported
	Loose   bool            // a phone field that may hold what is no full number
}

// Row is one line of a file, read by its fields.
type Row struct {
	Line   int
	Values map[string]any // what is empty or wrong is not there
	Wrong  []Note
}

// Text is a value that is a text, "" when the row has none.
func (r Row) Text(field string) string { s, _ := r.Values[field].(string); return s }

// What becomes of a line.
const (
	NewLine     = "new"
	SameLine    = "same"    // the record is there already, and stays as it is
	RefusedLine = "refused" // a note says why
)

// Line is what the check says about one line.
type Line struct {
	Line  int
	What  string
	Name  string // of whom or what the line is about, as the file has it
	Notes []Note
	Value any // what Target.Add gets
}

// Note is one thing that is said about a line; its words are import.note.<key>.
type Note struct {
	Key   string
	Field string // that it is about
	Value string // as the file has it
	Line  int    // of the same file
	ID    string // of a record that is there
	Code  string // of it
}

// Target is a kind of record that files bring.
type Target struct {
	Name   string
	Table  string // of the store: feeds of it are told
	Fields []Field
	People bool // the lines are people: where they agreed must be said
	Named  bool // the import makes one thing that has a name
	Most   int  // lines; 0: as many as a file may have

	// Read begins with a file. Judge says what would become of a row; it
	// remembers the rows before it.
	Read func() (judge func(tx *store.Tx, r Row) (Line, error), err error)
	// Open stores what comes before the lines, if anything: its id.
	Open func(tx *store.Tx, i Import) (string, error)
	// Add stores a line that is new: its id, "" if it is part of what was opened.
	Add func(tx *store.Tx, i Import, l Line) (string, error)
	// Changed reports that somebody has worked with a record since.
	Changed func(tx *store.Tx, id string) (bool, error)
	// Remove takes a record back, or a part of it when there is more.
	Remove func(tx *store.Tx, id string) (more bool, err error)
}

func (t Target) field(name string) (Field, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// State is where an import is.
type State string

// States.
const (
	Filling State = "filling" // nobody sees anything of it
	Done    State = "done"
	Failed  State = "failed"  // nothing of it is there
	Undoing State = "undoing" // nobody sees what is taken back
	Undone  State = "undone"
)

// Import is one file that was brought in.
type Import struct {
	ID      string    `json:"id"`
	Target  string    `json:"target"`
	File    string    `json:"file"`
	SHA256  string    `json:"sha256"`
	Rows    int       `json:"rows"`
	New     int       `json:"new"`
	Same    int       `json:"same"`
	Refused int       `json:"refused"`
	Basis   string    `json:"basis,omitempty"` // where these people agreed
	Title   string    `json:"title,omitempty"` // of what it made
	Queue   string    `json:"queue,omitempty"`
	Made    string    `json:"made,omitempty"` // id of what was opened
	By      string    `json:"by"`
	ByName  string    `json:"by_name"`
	State   State     `json:"state"`
	At      time.Time `json:"at"`
	Ended   time.Time `json:"ended,omitzero"`
	Undone  string    `json:"undone,omitempty"` // name of who took it back
	Kept    []string  `json:"kept,omitempty"`   // ids that were not taken back: somebody has worked with them
	Stopped bool      `json:"stopped,omitempty"`
}

// set is under which name the records of the import are hidden.
func (i Import) set() string { return "import:" + i.ID }

var (
	imports       = store.NewTable[Import]("imports")
	importRecords = store.NewTable[[]string]("import_records") // ids, by import/number
)

// Events of imports. They name file, rows and who; nobody who is in the file.
const (
	EventChecked = "import.checked"
	EventBegun   = "import.begun"
	EventMade    = "import.made"
	EventFailed  = "import.failed"
	EventUndone  = "import.undone"
)

// Config is what an Office needs.
type Config struct {
	Store     *store.Store
	Operation string
	Region    string // country of numbers without a country code
	Targets   []Target
	// Labels are the words for a field on the pages, Words those for a choice, in
	// all languages.
	Labels func(target, field string) []string
	Words  func(target, field, value string) []string
	Log    *slog.Logger
}

// Office takes files in.
type Office struct {
	cfg     Config
	reading sync.Mutex // files are read and checked one after the other: they are big

	mu      sync.Mutex
	uploads []*Upload
	busy    string // the import that is being made

	jobs chan job
	undo chan string
	done atomic.Int64 // lines of the import that is being made
}

// New prepares an Office; Run makes the imports.
func New(cfg Config) *Office {
	return &Office{cfg: cfg, jobs: make(chan job, 1), undo: make(chan string, 8)}
}

// Targets are the kinds of records that can be imported.
func (o *Office) Targets() []Target { return o.cfg.Targets }

// Target returns one of them.
func (o *Office) Target(name string) (Target, bool) {
	for _, t := range o.cfg.Targets {
		if t.Name == name {
			return t, true
		}
	}
	return Target{}, false
}

// Mistake is why an import cannot begin; its words are import.wrong.<mistake>.
type Mistake string

func (m Mistake) Error() string { return "import: " + string(m) }

// Mistakes.
const (
	WrongTarget  = Mistake("target")
	WrongGone    = Mistake("gone")    // the upload is no longer there
	WrongTwice   = Mistake("twice")   // two columns for one field
	WrongMust    = Mistake("must")    // a column that must be there
	WrongBasis   = Mistake("basis")   // nobody said where these people agreed
	WrongTitle   = Mistake("title")   // what is made needs a name
	WrongRefused = Mistake("refused") // nobody said that refused lines are left out
	WrongNothing = Mistake("nothing") // no line is new
	WrongMany    = Mistake("many")    // more lines than the target takes
	WrongBusy    = Mistake("busy")    // another import is being made
	WrongState   = Mistake("state")   // it cannot be taken back (any more)
)
