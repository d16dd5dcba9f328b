package page

// Radio is the Wi-Fi network that the machine makes.
type Radio struct {
	Image          bool // this machine could make one
	There          bool // it has a radio
	On, Off        bool // it can be joined; somebody has switched it off
	Name, Password string
	Picture        string // what a camera reads
	Trouble        string // why it cannot be joined, in the words of another program
	Refused        string // why something was not changed, in English
}

// RadioSheetPage is for a wall.
type RadioSheetPage struct {
	Frame
	Radio Radio
}

// PointerPage leads those who have joined to the pages.
type PointerPage struct {
	Frame
	Addresses []string // none while the hotline starts
}
