package page

import (
	"time"

	"hotline/appliance/export"
	"hotline/appliance/place"
)

// OrdersPage are the regular exports, and the form for one more.
type OrdersPage struct {
	Frame
	Orders          []export.Order
	Now             time.Time
	Sets            []ExportSet
	Formats, Levels []string
	Form            ExportForm
	Place           PlaceForm
	Disks           []place.Disk
	Every, At, Keep string // daily, or the day of the week from 0
	Lock, Key       string // password, key or none; the key that opens the files
	Changed         bool
	Trouble, Done   string
}

func (p OrdersPage) kind() string {
	if p.Place.Kind == "" {
		return "folder"
	}
	return p.Place.Kind
}

// stands says in a word how an order is: stopped, carried, role, late, failed, first or
// good.
func (p OrdersPage) stands(o export.Order) string {
	switch {
	case o.Stopped == export.StoppedByRole:
		return "role"
	case o.Stopped == export.StoppedByCarrying:
		return "carried"
	case o.Stopped != "":
		return "stopped"
	case o.Late(p.Now):
		return "late"
	case o.Failed != "":
		return "failed"
	case o.Arrived.IsZero():
		return "first"
	}
	return "good"
}

func (p OrdersPage) rhythm(o export.Order) string {
	if o.Every == export.Weekly {
		return p.T("order.weekly."+itoa(int(o.Day))) + " " + o.At
	}
	return p.T("order.daily") + " " + o.At
}
