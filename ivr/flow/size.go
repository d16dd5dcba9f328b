package flow

import (
	"fmt"
	"maps"
	"slices"
)

// Warnings is what does not forbid to publish flows, but should be looked at:
// that one call could gather more than it may hold.
func Warnings(set *FlowSet) Problems {
	sizes := map[string]int{} // the largest value of every attribute
	grow := func(name string, size int) {
		sizes[name] = max(sizes[name], min(size, set.Attribute(name).Max, MaxAttribute))
	}
	added := map[string]map[string]bool{}
	assigns := func(as []Assign) {
		for _, a := range as {
			switch a.How {
			case AssignValue:
				grow(a.Attribute, len(a.Value))
			case AssignPlus:
				grow(a.Attribute, longestNumber)
			case AssignAdd:
				if added[a.Attribute] == nil {
					added[a.Attribute] = map[string]bool{}
				}
				added[a.Attribute][a.Value] = true
			case AssignFrom, AssignExpr:
				grow(a.Attribute, MaxAttribute)
			}
		}
	}
	var first *Flow
	for _, name := range set.order {
		f := set.flows[name]
		if first == nil || first.Data() {
			first = f
		}
		for _, s := range f.Steps {
			assigns(s.Set)
			for _, e := range s.edges() {
				assigns(e.Set)
			}
			switch {
			case s.Collect != nil:
				grow(s.Collect.Attribute, s.Collect.Max)
			case s.CallBack != nil:
				grow(CallBackNumber, s.CallBack.Number.Max)
			case s.HTTP != nil:
				for attribute := range s.HTTP.Take {
					grow(attribute, MaxAttribute)
				}
			case s.Lookup != nil:
				table := set.Table(s.Lookup.Table)
				if table == nil {
					continue
				}
				for _, row := range table.Rows {
					for column, value := range row {
						grow(s.Lookup.Into+"."+column, len(value))
					}
				}
			}
		}
	}
	for name, values := range added {
		size := 0
		for value := range values {
			size += len(value) + 1
		}
		grow(name, size)
	}
	all := 0
	largest := ""
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		all += len(name) + sizes[name]
		if largest == "" || sizes[name] > sizes[largest] {
			largest = name
		}
	}
	if all <= MaxAttributes || first == nil {
		return nil
	}
	return Problems{{File: first.Name, Pos: Pos{1, 1}, Text: fmt.Sprintf("a call through these flows could gather %d kB in attributes, and only %d kB are kept: give the longest of them, such as %q, a max under attributes:, or forget what is not needed",
		all>>10, MaxAttributes>>10, largest)}}
}
