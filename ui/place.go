package ui

import (
	"net"
	"net/http"
	"strings"

	"hotline/appliance/place"
	"hotline/ui/page"
)

// placeOf reads the fields of a place from a form that was parsed.
func placeOf(r *http.Request) (page.PlaceForm, place.Place) {
	form := page.PlaceForm{Kind: r.PostForm.Get("kind"), Folder: clean(r.PostForm.Get("folder"), 200), Server: clean(r.PostForm.Get("server"), 200),
		User: clean(r.PostForm.Get("user"), 64), There: clean(r.PostForm.Get("there"), 200)}
	var p place.Place
	if disk, chosen := strings.CutPrefix(form.Kind, "disk:"); chosen {
		p.Folder = clean(disk, 200)
	}
	switch form.Kind {
	case "folder":
		p.Folder = strings.TrimSpace(form.Folder)
	case "server":
		if form.Server == "" {
			break
		}
		p = place.Place{Server: form.Server, User: form.User, Password: r.PostForm.Get("server_password"), Folder: form.There, HostKey: r.PostForm.Get("host_key")}
		if _, _, err := net.SplitHostPort(p.Server); err != nil {
			p.Server = net.JoinHostPort(p.Server, "22")
		}
	}
	return form, p
}

// named reports that something was typed that can be a place.
func named(p place.Place) bool { return p.Folder != "" || p.Server != "" }
