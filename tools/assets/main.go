// Command assets turns the pages' sources into what the program embeds:
//
//	go run ./tools/assets
//
// It generates Go code from every ui/page/*.templ file and bundles ui/web into
// ui/assets/dist under names that carry a hash of their content, each beside a
// gzip copy. Both results are committed, so that building the hotline needs
// neither this command nor anything from the network. A test in this folder
// fails when the committed results are older than their sources.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "assets:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	pages, err := templates(root)
	if err != nil {
		return err
	}
	files, err := bundle(root)
	if err != nil {
		return err
	}
	if err := pages.write(root); err != nil {
		return err
	}
	if err := files.replace(root, distFolder); err != nil {
		return err
	}
	for name, content := range files {
		fmt.Printf("%8d  %s\n", len(content), name)
	}
	return nil
}
