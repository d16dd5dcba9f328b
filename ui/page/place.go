package page

// PlaceForm is what was typed about a place beside the box.
type PlaceForm struct {
	Kind, Folder, Server, User, There string
	HostKey, Fingerprint              string // of a server that is new
}
