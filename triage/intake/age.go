package intake

import (
	"strconv"

	"hotline/volunteers"
)

// age reads what lists say about it: the band of an export, a yes to being
// adult, or years. Nobody under 16 is registered.
func age(text string) (volunteers.AgeBand, Note) {
	switch folded(text) {
	case "adult", "18", "18 or older", "over 18", "adulto", "adulta", "adulte", "dewasa", "بالغ":
		return volunteers.Adult, Note{}
	case "16 17", "16 or 17":
		return volunteers.Minor, Note{}
	}
	years, err := strconv.Atoi(text)
	if yes, ok := ticked(text); ok && years != 0 == yes && (err != nil || years <= 1) {
		if yes {
			return volunteers.Adult, Note{}
		}
		return "", Note{Key: "age", Field: "age", Value: short(text)}
	}
	switch {
	case err != nil || years < 0 || years > 120:
		return "", Note{Key: "age", Field: "age", Value: short(text)}
	case years >= 18:
		return volunteers.Adult, Note{}
	case years >= 16:
		return volunteers.Minor, Note{}
	}
	return "", Note{Key: "under16", Field: "age", Value: short(text)}
}
