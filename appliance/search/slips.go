package search

import "math/bits"

// fewer reports whether two words may be within so many slips, from the
// letters that only one of them has: each slip explains one on each side.
func fewer(onlyOne, onlyOther uint32, most int) bool {
	return bits.OnesCount32(onlyOne) <= most && bits.OnesCount32(onlyOther) <= most
}

// rows are the last three rows of a table of distances, kept from word to word.
type rows struct{ a, b, c [longestWord + 2]uint8 }

// within reports whether two words are at most so many slips apart: letters
// that are wrong, missing, too many, or swapped with their neighbour (optimal
// string alignment).
func (r *rows) within(typed, known string, most int) bool {
	if d := len(typed) - len(known); d > most || -d > most || len(typed) > longestWord {
		return false
	}
	before, last, now := &r.a, &r.b, &r.c
	for j := 0; j <= len(known); j++ {
		last[j] = uint8(j)
	}
	for i := 1; i <= len(typed); i++ {
		now[0] = uint8(i)
		least := now[0]
		for j := 1; j <= len(known); j++ {
			cost := uint8(1)
			if typed[i-1] == known[j-1] {
				cost = 0
			}
			d := min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && typed[i-1] == known[j-2] && typed[i-2] == known[j-1] {
				d = min(d, before[j-2]+1)
			}
			now[j] = d
			least = min(least, d)
		}
		if int(least) > most {
			return false
		}
		before, last, now = last, now, before
	}
	return int(last[len(known)]) <= most
}
