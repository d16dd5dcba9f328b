package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"

	"github.com/a-h/templ/generator"
	"github.com/a-h/templ/parser/v2"
	"github.com/evanw/esbuild/pkg/api"
)

const (
	pageFolder = "ui/page"
	webFolder  = "ui/web"
	distFolder = "ui/assets/dist"
)

// generated maps a path below the root of the repository to its content.
type generated map[string][]byte

func (g generated) write(root string) error {
	for name, content := range g {
		path := filepath.Join(root, name)
		// An unchanged file keeps its time, so that Go's build cache stays warm.
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making the folder of %s: %w", name, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// replace also removes files of earlier builds from the folder.
func (g generated) replace(root, folder string) error {
	old, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", folder, err)
	}
	for _, entry := range old {
		if _, ok := g[folder+"/"+entry.Name()]; !ok {
			if err := os.Remove(filepath.Join(root, folder, entry.Name())); err != nil {
				return fmt.Errorf("removing an outdated file: %w", err)
			}
		}
	}
	return g.write(root)
}

// templates is the Go code of every page.
func templates(root string) (generated, error) {
	sources, err := filepath.Glob(filepath.Join(root, pageFolder, "*.templ"))
	if err != nil {
		return nil, fmt.Errorf("looking for pages: %w", err)
	}
	result := generated{}
	for _, source := range sources {
		file, err := parser.Parse(source)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", source, err)
		}
		name := pageFolder + "/" + filepath.Base(source)
		var code bytes.Buffer
		if _, err := generator.Generate(file, &code, generator.WithFileName(name)); err != nil {
			return nil, fmt.Errorf("generating %s: %w", name, err)
		}
		formatted, err := format.Source(code.Bytes())
		if err != nil {
			return nil, fmt.Errorf("the Go code inside %s: %w", name, err)
		}
		result[strings.TrimSuffix(name, ".templ")+"_templ.go"] = formatted
	}
	return result, nil
}

// bundle is the style sheet and the scripts, hashed, with gzip copies and a
// manifest from source name to hashed name.
func bundle(root string) (generated, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the root: %w", err)
	}
	built := api.Build(api.BuildOptions{
		AbsWorkingDir: absolute,
		EntryPoints:   []string{webFolder + "/app.css", webFolder + "/desk.ts", webFolder + "/floor.ts", webFolder + "/bulletins.ts", webFolder + "/prompts.ts", webFolder + "/round.ts", webFolder + "/recorder.ts", webFolder + "/recording.ts", webFolder + "/soundcheck.ts", webFolder + "/call.ts", webFolder + "/exports.ts", webFolder + "/records.ts", webFolder + "/places.ts", webFolder + "/setup.ts", webFolder + "/system.ts"},
		Outdir:        distFolder,
		Bundle:        true, Write: false,
		MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true,
		Format: api.FormatESModule, Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsNone,
		// The last browsers for Windows 7 and 8.1: donated laptops have them.
		Engines: []api.Engine{
			{Name: api.EngineChrome, Version: "109"}, {Name: api.EngineFirefox, Version: "115"}, {Name: api.EngineSafari, Version: "16.4"},
		},
		// An empty tsconfig keeps the result independent of the folder above.
		TsconfigRaw: `{}`,
	})
	if len(built.Errors)+len(built.Warnings) > 0 {
		messages := api.FormatMessages(append(built.Errors, built.Warnings...), api.FormatMessagesOptions{})
		return nil, fmt.Errorf("bundling: %s", strings.Join(messages, ""))
	}
	result, manifest := generated{}, map[string]string{}
	for _, file := range built.OutputFiles {
		base := filepath.Base(file.Path)
		extension := filepath.Ext(base)
		digest := sha256.Sum256(file.Contents)
		hashed := strings.TrimSuffix(base, extension) + "-" + hex.EncodeToString(digest[:6]) + extension
		manifest[base] = hashed
		result[distFolder+"/"+hashed] = file.Contents
		packed, err := pack(file.Contents)
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", base, err)
		}
		result[distFolder+"/"+hashed+".gz"] = packed
	}
	list, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	result[distFolder+"/manifest.json"] = append(list, '\n')
	return result, nil
}

func pack(content []byte) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
