// Command image says what the disk image is made of: it reads the bill of
// materials (CycloneDX) of the program from standard input, adds the system's
// packages, and writes that of the image.
//
//	image VERSION PACKAGES <PROGRAM.cdx.json >IMAGE.cdx.json
//
// PACKAGES has a Debian package per line: name, version and architecture, with
// tabs between. What the image leaves out of a package (images/strip) is not told.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, program io.Reader, image io.Writer) error {
	if len(args) != 2 {
		return errors.New("image VERSION PACKAGES <PROGRAM.cdx.json >IMAGE.cdx.json")
	}
	bom := new(cyclonedx.BOM)
	if err := cyclonedx.NewBOMDecoder(program, cyclonedx.BOMFileFormatJSON).Decode(bom); err != nil {
		return fmt.Errorf("reading what the program is made of: %w", err)
	}
	if bom.Metadata == nil || bom.Metadata.Component == nil || bom.Components == nil || bom.Dependencies == nil {
		return errors.New("what the program is made of names no program, or nothing that is in it")
	}
	system, err := packages(args[1])
	if err != nil {
		return err
	}
	whole := cyclonedx.Component{BOMRef: "hotline-image@" + args[0], Type: cyclonedx.ComponentTypeOS, Name: "hotline-image", Version: args[0]}
	holds := []string{bom.Metadata.Component.BOMRef}
	for _, p := range system {
		holds = append(holds, p.BOMRef)
	}
	*bom.Components = append(append([]cyclonedx.Component{*bom.Metadata.Component}, *bom.Components...), system...)
	*bom.Dependencies = append([]cyclonedx.Dependency{{Ref: whole.BOMRef, Dependencies: &holds}}, *bom.Dependencies...)
	bom.Metadata.Component = &whole
	bom.Metadata.Properties = nil // of the program's file
	return cyclonedx.NewBOMEncoder(image, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
}

// packages reads the list of Debian packages.
func packages(path string) ([]cyclonedx.Component, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	var found []cyclonedx.Component
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		p := strings.Split(lines.Text(), "\t")
		if len(p) != 3 {
			return nil, fmt.Errorf("%s: %q is not a name, a version and an architecture", path, lines.Text())
		}
		purl := packageurl.NewPackageURL("deb", "debian", p[0], p[1], packageurl.Qualifiers{{Key: "arch", Value: p[2]}, {Key: "distro", Value: "debian-13"}}, "").ToString()
		found = append(found, cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: p[0], Version: p[1], PackageURL: purl})
	}
	if len(found) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("%s names no package", path)
	}
	return found, lines.Err()
}
