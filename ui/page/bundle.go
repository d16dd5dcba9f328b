package page

import "strconv"

// BundlePage is where a whole hotline comes and goes as files.
type BundlePage struct {
	Frame
	Trouble string
	Largest int // of a file, in MB
}

// BundleLookPage is what a bundle would change, or has changed.
type BundleLookPage struct {
	Frame
	ID      string
	Plan    BundlePlan
	Done    bool
	Trouble string
}

// BundlePlan is what a bundle changes.
type BundlePlan struct {
	Faults  []BundleFault // then nothing else
	Changes []BundleChange
	Notes   []BundleNote
	Same    int
	Print   string         // of what is looked at
	People  []BundlePerson // new ones, shown once
	NotYet  string         // what cannot be used before the next start, in English
}

// BundleFault is a mistake at its place, as the program says it in English; the
// page says it in the language of whoever reads.
type BundleFault struct {
	File   string // "": the whole bundle
	Line   int    // 0: the whole file
	Column int
	About  string // the thing in the file, as it is written there
	Text   string
}

// Where is the place of a mistake.
func (b BundleFault) Where() string {
	if b.Line == 0 {
		return b.File
	}
	return b.File + ":" + strconv.Itoa(b.Line) + ":" + strconv.Itoa(b.Column)
}

// BundleChange is one thing that changes. Its kinds are the words bundle.kind.*.
type BundleChange struct {
	Kind, File, Name, Setting, Was, Is string
	Later                              bool // it counts from the next start on
}

// BundleKinds are the kinds of changes.
func BundleKinds() []string {
	return []string{"changed", "new", "gone", "secret", "address", "language", "flow"}
}

// BundleNote is something to do besides: the words bundle.note.*.
type BundleNote struct{ Kind, Line string }

// BundleNotes are the kinds of notes.
func BundleNotes() []string { return []string{"password", "off", "orders", "flows"} }

// BundlePerson is somebody new, with what they sign in with.
type BundlePerson struct{ Login, Name, Phone, Password, PIN string }

// Later reports that some of it counts from the next start on.
func (p BundlePlan) Later() bool {
	for _, c := range p.Changes {
		if c.Later {
			return true
		}
	}
	return false
}
