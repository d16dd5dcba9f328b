package acme

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// keeper stands in for those who keep names and take changes over HTTP, as their
// descriptions say: the real ones are asked by nobody here.
type keeper struct {
	asked   []string
	records []string // of deSEC
	status  int      // refuses with it
	after   string
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // shorter is noticed below
	k.asked = append(k.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	if k.status != 0 || r.Header.Get("Authorization") != "Token right-token" && r.Header.Get("Authorization") != "Bearer right-token" {
		w.Header().Set("Retry-After", k.after)
		w.WriteHeader(max(k.status, 401))
		return
	}
	switch {
	case r.URL.Path == "/domains/" && r.URL.Query().Get("owns_qname") == "_acme-challenge.hotline.example.test":
		fmt.Fprint(w, `[{"name":"example.test","minimum_ttl":3600}]`)
	case r.URL.Path == "/domains/":
		fmt.Fprint(w, `[]`)
	case r.URL.Path == "/domains/example.test/rrsets/_acme-challenge.hotline/TXT/" && len(k.records) == 0:
		w.WriteHeader(http.StatusNotFound)
	case strings.HasSuffix(r.URL.Path, "/TXT/"):
		_ = json.NewEncoder(w).Encode(desecSet{Subname: "_acme-challenge.hotline", Type: "TXT", TTL: 3600, Records: k.records})
	case r.Method == http.MethodPut:
		var sets []desecSet
		if json.Unmarshal(body, &sets) != nil || len(sets) != 1 || sets[0].TTL != 3600 || sets[0].Records == nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		k.records = sets[0].Records
		fmt.Fprint(w, `[]`)
	case r.URL.Path == "/zones" && r.URL.Query().Get("name") == "example.test":
		fmt.Fprint(w, `{"success":true,"result":[{"id":"z1","name":"example.test"}]}`)
	case r.URL.Path == "/zones":
		fmt.Fprint(w, `{"success":true,"result":[]}`)
	case r.URL.Path == "/zones/z1/dns_records":
		fmt.Fprint(w, `{"success":true,"result":{"id":"r1"}}`)
	case r.URL.Path == "/zones/z1/dns_records/r1" && r.Method == http.MethodDelete:
		fmt.Fprint(w, `{"success":true,"result":{"id":"r1"}}`)
	default:
		w.WriteHeader(http.StatusTeapot)
	}
}

// What is asked of deSEC and Cloudflare, and how their refusals are told. Records
// of others that are there stay.
func TestTokensOfThoseWhoKeepNames(t *testing.T) {
	k := &keeper{records: []string{`"of somebody else"`}}
	server := httptest.NewServer(k)
	defer server.Close()
	client := server.Client()
	name := record("hotline.example.test")
	for _, way := range []Way{DeSEC, Cloudflare} {
		made := func(token string) setter {
			if way == DeSEC {
				return &desec{client: client, base: server.URL, token: token}
			}
			return &cloudflare{client: client, base: server.URL, token: token}
		}
		k.asked = nil
		zone, undo, err := made("right-token").set(t.Context(), name, "value")
		if err != nil || zone != "example.test." {
			t.Fatalf("%s: %s, %v", way, zone, err)
		}
		if last := k.asked[len(k.asked)-1]; !strings.Contains(last, `\"value\"`) || !strings.Contains(last, "_acme-challenge.hotline") {
			t.Errorf("%s is sent %s", way, last)
		}
		if way == DeSEC && !slices.Equal(k.records, []string{`"of somebody else"`, `"value"`}) {
			t.Errorf("deSEC has %v", k.records)
		}
		if err := undo(t.Context()); err != nil {
			t.Errorf("%s: %v", way, err)
		}
		if last := k.asked[len(k.asked)-1]; way == Cloudflare && last != "DELETE /zones/z1/dns_records/r1" {
			t.Errorf("Cloudflare is sent %s", last)
		}
		if way == DeSEC && !slices.Equal(k.records, []string{`"of somebody else"`}) {
			t.Errorf("deSEC has %v", k.records)
		}
		refused := func(token, name string, want FailureCode) {
			t.Helper()
			_, undo, err := made(token).set(t.Context(), name, "value")
			if f := failureOf(err, Settings{}); f == nil || f.Code != want || undo != nil {
				t.Errorf("%s: %v, not %s", way, err, want)
			}
		}
		refused("wrong-token", name, FailedToken)
		refused("right-token", record("hotline.example.org"), FailedTokenZone)
		k.status, k.after = http.StatusTooManyRequests, "120"
		refused("right-token", name, FailedOften)
		k.status = http.StatusBadGateway
		refused("right-token", name, FailedRecord)
		k.status = 0
	}
	server.Close()
	if _, _, err := (&desec{client: client, base: server.URL, token: "right-token"}).set(t.Context(), name, "value"); failureOf(err, Settings{}).Code != FailedServer {
		t.Errorf("nobody there: %v", err)
	}
}
