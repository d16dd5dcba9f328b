package volunteers

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/export"
	known "hotline/appliance/operation"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// The two files that Sahana Eden imports (domain 7.5 and 7.7). Their columns are
// its own; what a hotline does not ask for stays empty, and so do religion,
// blood group and parents, which nobody needs in order to help.

func sahanaVolunteer() []string {
	return []string{"Organisation", "Branch", "Job Title", "Sex", "First Name", "Middle Name", "Last Name", "DOB", "Nationality", "National ID", "Start Date",
		"Email", "Mobile Phone", "Home Phone", "Emergency Contact Name", "Emergency Contact Relationship", "Emergency Contact Phone",
		"Home Address", "Home Postcode", "Home Country", "Home L1", "Home L2", "Home L3", "Home L4", "Home Lat", "Home Lon", "Teams", "Projects"}
}

func sahanaHours() []string {
	return []string{"Organisation", "Branch", "Programme", "Job Title", "First Name", "Middle Name", "Last Name", "Email", "Mobile Phone", "National ID", "Organisation ID", "Date", "Hours"}
}

// WriteSahana writes volunteer.csv: everybody who has not left, been erased or
// been merged into another record.
func (g *Registry) WriteSahana(operation string) func(io.Writer, export.Cut) (int, error) {
	return func(w io.Writer, cut export.Cut) (int, error) {
		return sahana(w, sahanaVolunteer(), func(row func(map[string]string) error) error {
			return g.Each(func(r Registrant) error {
				if !r.Erased.IsZero() || r.DuplicateOf != "" || r.Status == StatusWithdrawn || r.UpdatedAt.Before(cut.Since) || !sharing.Reaches(r.ShareScope, cut.To) {
					return nil
				}
				return row(map[string]string{
					"Organisation": operation, "Projects": operation, "Job Title": r.job(), "First Name": table.Inert(r.GivenName), "Last Name": table.Inert(r.FamilyName),
					"Start Date": r.RegisteredAt.Local().Format(time.DateOnly), "Email": table.Inert(r.Email), "Mobile Phone": dial(r.Phone), "Home Phone": dial(r.Phone2),
					"Emergency Contact Name": table.Inert(r.EmergencyName), "Emergency Contact Relationship": table.Inert(r.EmergencyRelation),
					"Emergency Contact Phone": dial(r.EmergencyPhone), "Home Postcode": table.Inert(r.Area),
				})
			})
		})
	}
}

// WriteSahanaHours writes programme_hours.csv: shifts that have ended and were
// not corrected by another one.
func (b *Shifts) WriteSahanaHours(operation string) func(io.Writer, export.Cut) (int, error) {
	return func(w io.Writer, cut export.Cut) (int, error) {
		return sahana(w, sahanaHours(), func(row func(map[string]string) error) error {
			return b.store.View(func(tx *store.Tx) error {
				facts, err := known.Of(tx)
				if err != nil {
					return err
				}
				for _, r := range registrants.All(tx) {
					if !sharing.Reaches(r.ShareScope, cut.To) {
						continue
					}
					for _, s := range shiftsOf(tx, r.ID) {
						if s.CheckOut.IsZero() || s.CorrectedBy != "" || s.CheckOut.Before(cut.Since) {
							continue
						}
						if err := row(map[string]string{
							"Organisation": table.Inert(cmp.Or(s.Work.Organisation, facts.Organisation, operation)), "Programme": operation, "Job Title": table.Inert(cmp.Or(s.Work.Job, r.job())), "First Name": table.Inert(r.GivenName), "Last Name": table.Inert(r.FamilyName),
							"Email": table.Inert(r.Email), "Mobile Phone": dial(r.Phone), "Organisation ID": r.Code,
							"Date": s.CheckIn.Local().Format(time.DateOnly), "Hours": strconv.FormatFloat(hours(s.Worked()), 'f', 2, 64),
						}); err != nil {
							return err
						}
					}
				}
				return nil
			})
		})
	}
}

// dial is a number as Sahana reads it: with its +, and nothing that is none.
func dial(n call.Number) string {
	if !n.E164() {
		return ""
	}
	return string(n)
}

func (r Registrant) job() string {
	if len(r.Skills) == 0 {
		return ""
	}
	return string(r.Skills[0])
}

func sahana(w io.Writer, columns []string, each func(row func(map[string]string) error) error) (n int, err error) {
	out := bufio.NewWriter(w)
	cw := csv.NewWriter(out)
	cw.UseCRLF = true
	if err := cw.Write(columns); err != nil {
		return 0, err
	}
	record := make([]string, len(columns))
	if err := each(func(cells map[string]string) error {
		for i, name := range columns {
			record[i] = cells[name]
		}
		n++
		return cw.Write(record)
	}); err != nil {
		return n, err
	}
	cw.Flush()
	if err := cw.Error(); err != nil {
		return n, err
	}
	return n, out.Flush()
}
