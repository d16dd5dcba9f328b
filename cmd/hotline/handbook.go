package main

import (
	"hotline/ui"
)

// handbookCommand writes the handbook, to be printed and kept on laptops before
// it is needed.
type handbookCommand struct {
	Language string `help:"Language of the handbook." enum:"en,es" default:"en"`
}

func (c *handbookCommand) Run(s streams) error {
	whole, err := ui.HandbookFile(c.Language)
	if err != nil {
		return err
	}
	_, err = s.out.Write(whole)
	return err
}
