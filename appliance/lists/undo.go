package lists

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/store"
)

// WrongSince is told when the places were changed after the file that is to be
// taken back.
const WrongSince = Mistake("since")

// touched is what a file has made of a choice.
type touched struct {
	Was *item `json:"was,omitempty"` // nil: as it ships, or not there
	Is  item  `json:"is"`
}

const previousKey = "previous" // the places before the last file

// CanTakeBack reports whether a file was brought to a list, or to the places,
// that was not taken back yet.
func (k *Keeper) CanTakeBack(list string) bool {
	if list == PlacesName {
		found := false
		err := k.store.View(func(tx *store.Tx) error {
			f, err := placeTable.Get(tx, previousKey)
			found = err == nil && f.Until.Equal(k.places.Load().at)
			return nil
		})
		return err == nil && found
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.stored[list].Brought) > 0
}

// TakeBack undoes the last file that was brought to a list. What it added is
// offered no more, and stays readable in the records that name it; what it
// changed has the words from before, unless somebody has changed it since.
func (k *Keeper) TakeBack(ctx context.Context, list string, by Actor) error {
	if list == PlacesName {
		return k.takePlacesBack(ctx, by)
	}
	return k.change(ctx, list, "taken_back", "", by, func(_ *Set, c *changes) error {
		if len(c.Brought) == 0 {
			return WrongName
		}
		for code, t := range c.Brought {
			switch one := c.Items[code]; {
			case !reflect.DeepEqual(one, t.Is): // changed since by a person
			case one.Nr > 0 && (t.Was == nil || t.Was.Undone):
				one.Off, one.Undone = true, true
				c.Items[code] = one
			case t.Was == nil:
				delete(c.Items, code)
			default:
				c.Items[code] = *t.Was
			}
		}
		c.Brought = nil
		return nil
	})
}

// takePlacesBack puts the places back that there were before the last file. The
// new ones stay readable.
func (k *Keeper) takePlacesBack(ctx context.Context, by Actor) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.places.Load()
	var f placeFile
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		before, err := placeTable.Get(tx, previousKey)
		if errors.Is(err, store.ErrNotFound) {
			return WrongName
		}
		if err != nil {
			return err
		}
		if !before.Until.Equal(now.at) {
			return WrongSince
		}
		there := make(map[string]bool, len(before.Places))
		for _, p := range before.Places {
			there[p.Code] = true
		}
		f = placeFile{By: by.ID, At: tx.Now(), Places: slices.Clone(before.Places)}
		for _, p := range now.list {
			if !there[p.Code] {
				p.Off = true
				f.Places = append(f.Places, p)
			}
		}
		sortPlaces(f.Places)
		tx.Emit(events.Event{Kind: EventChanged, By: by.ID, Via: by.Via, Data: map[string]string{"list": PlacesName, "what": "taken_back", "name": by.Name}})
		return errors.Join(placeTable.Put(tx, currentKey, f), placeTable.Delete(tx, previousKey),
			listHistory.Note(tx, history.Entry{Record: PlacesName, By: by.ID, Via: by.Via, What: "taken_back"}, map[string]int{"places": len(now.list)}, map[string]int{"places": len(before.Places)}))
	})
	var wrong Mistake
	if errors.As(err, &wrong) {
		return wrong
	}
	if err != nil {
		return fmt.Errorf("the places were not taken back; please try again: %w", err)
	}
	k.places.Store(newGazetteer(f))
	return nil
}

// brought remembers what a file makes of a list, in place of the file before.
func (c *changes) brought(was map[string]item, codes map[string]bool) {
	c.Brought = map[string]touched{}
	for code := range codes {
		t := touched{Is: c.Items[code]}
		if before, there := was[code]; there {
			t.Was = &before
		}
		c.Brought[code] = t
	}
}

func cloneItems(all map[string]item) map[string]item {
	out := make(map[string]item, len(all))
	for code, one := range all {
		one.Words, one.Hint = maps.Clone(one.Words), maps.Clone(one.Hint)
		out[code] = one
	}
	return out
}
