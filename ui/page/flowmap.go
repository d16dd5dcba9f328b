package page

import (
	"fmt"
	"slices"

	"hotline/ivr/flow"
)

// FlowMap is a drawing of a dialogue: steps in rows, from top to bottom, each
// below what leads to it.
type FlowMap struct {
	Width, Height int
	Boxes         []MapBox
	Lines         []MapLine
}

// MapBox is one step.
type MapBox struct {
	Name  string
	Kind  flow.Kind
	X, Y  int
	Wrong bool
}

// MapLine is a way from one step to another; Back leads up again.
type MapLine struct {
	Path string
	Back bool
}

const (
	boxWidth, boxHeight = 150, 44
	gapAcross, gapDown  = 16, 34
)

// DrawFlow lays out the steps that can be reached from the first one, and below
// them those that cannot.
func DrawFlow(rows []StepRow) FlowMap {
	at := map[string]int{}
	start := 0
	for i, r := range rows {
		at[r.Name] = i
		if r.Begins {
			start = i
		}
	}
	if len(rows) == 0 {
		return FlowMap{}
	}
	// How far down a step stands: as far as the longest way to it that never
	// leads back. The order in which steps are met decides what leads back.
	depth := slices.Repeat([]int{-1}, len(rows))
	state := make([]int, len(rows)) // 1: on the way here, 2: done
	back := map[[2]int]bool{}
	var order []int // steps after all that they lead to
	var meet func(int)
	meet = func(i int) {
		state[i] = 1
		for _, w := range rows[i].Ways {
			to, there := at[w.To]
			switch {
			case !there:
			case state[to] == 1:
				back[[2]int{i, to}] = true
			case state[to] == 0:
				meet(to)
			}
		}
		state[i] = 2
		order = append(order, i)
	}
	meet(start)
	deepest := 0
	depth[start] = 0
	for k := len(order) - 1; k >= 0; k-- {
		i := order[k]
		deepest = max(deepest, depth[i])
		for _, w := range rows[i].Ways {
			if to, there := at[w.To]; there && !back[[2]int{i, to}] {
				depth[to] = max(depth[to], depth[i]+1)
			}
		}
	}
	layers := make([][]int, deepest+2)
	for i := range rows {
		if depth[i] < 0 {
			depth[i] = deepest + 1
		}
		layers[depth[i]] = append(layers[depth[i]], i)
	}
	place := make([]float64, len(rows))
	settle(rows, at, layers, place)
	return mapOf(rows, at, layers, depth, place)
}

// settle orders each row so that steps stand below what leads to them.
func settle(rows []StepRow, at map[string]int, layers [][]int, place []float64) {
	above := make([][]int, len(rows))
	for i, r := range rows {
		for _, w := range r.Ways {
			if to, there := at[w.To]; there {
				above[to] = append(above[to], i)
			}
		}
	}
	where := func(layer []int) {
		for n, i := range layer {
			place[i] = float64(n) - float64(len(layer)-1)/2
		}
	}
	for _, layer := range layers {
		where(layer)
	}
	for range 4 {
		for _, layer := range layers {
			mean := map[int]float64{}
			for _, i := range layer {
				mean[i] = place[i]
				if n := len(above[i]); n > 0 {
					sum := 0.0
					for _, k := range above[i] {
						sum += place[k]
					}
					mean[i] = sum / float64(n)
				}
			}
			slices.SortStableFunc(layer, func(a, b int) int {
				switch {
				case mean[a] < mean[b]:
					return -1
				case mean[a] > mean[b]:
					return 1
				}
				return 0
			})
			where(layer)
		}
	}
}

func mapOf(rows []StepRow, at map[string]int, layers [][]int, depth []int, place []float64) FlowMap {
	widest := 0
	for _, layer := range layers {
		widest = max(widest, len(layer))
	}
	used := len(layers)
	if len(layers[used-1]) == 0 {
		used--
	}
	m := FlowMap{Width: widest*(boxWidth+gapAcross) + gapAcross, Height: used*(boxHeight+gapDown) + gapDown}
	for i, r := range rows {
		x := float64(m.Width)/2 + place[i]*(boxWidth+gapAcross) - boxWidth/2
		m.Boxes = append(m.Boxes, MapBox{Name: r.Name, Kind: r.Kind, X: int(x), Y: gapDown/2 + depth[i]*(boxHeight+gapDown), Wrong: len(r.Problems) > 0})
	}
	seen := map[[2]int]bool{}
	for i, r := range rows {
		for _, w := range r.Ways {
			to, there := at[w.To]
			if !there || to == i || seen[[2]int{i, to}] {
				continue
			}
			seen[[2]int{i, to}] = true
			a, b := m.Boxes[i], m.Boxes[to]
			x1, y1, x2, y2 := a.X+boxWidth/2, a.Y+boxHeight, b.X+boxWidth/2, b.Y
			m.Lines = append(m.Lines, MapLine{Back: y2 < y1, Path: fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, y1+gapDown, x2, y2-gapDown, x2, y2)})
		}
	}
	return m
}

// fitting cuts a text that does not fit a box.
func fitting(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
