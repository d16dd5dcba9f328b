package slot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// envSize is the size of GRUB's environment block. GRUB writes it in place, so
// it never changes (GRUB manual, "The GRUB environment block").
const envSize = 1024

const envHeader = "# GRUB Environment Block\n"

// env is what GRUB and the running system tell each other, in order.
type env struct {
	names  []string
	values map[string]string
}

func parseEnv(raw []byte) (env, error) {
	e := env{values: map[string]string{}}
	if len(raw) != envSize || !bytes.HasPrefix(raw, []byte(envHeader)) {
		return e, errors.New("the notes of the boot loader (grubenv) are damaged")
	}
	for _, line := range strings.Split(string(raw[len(envHeader):]), "\n") {
		name, value, ok := strings.Cut(line, "=")
		if ok && !strings.HasPrefix(line, "#") {
			e.set(name, value)
		}
	}
	return e, nil
}

func (e *env) set(name, value string) {
	if _, there := e.values[name]; !there {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *env) bytes() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(envHeader)
	for _, name := range e.names {
		fmt.Fprintf(&b, "%s=%s\n", name, e.values[name])
	}
	if b.Len() > envSize {
		return nil, errors.New("the notes of the boot loader (grubenv) are full")
	}
	b.WriteString(strings.Repeat("#", envSize-b.Len()))
	return b.Bytes(), nil
}

// readEnv reads the block in the file path.
func readEnv(path string) (env, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return env{}, fmt.Errorf("opening the notes of the boot loader: %w", err)
	}
	return parseEnv(raw)
}

// change reads the block in the file path, lets f change it and writes it in
// place: one sector or two, on the disk before it returns.
func change(path string, f func(*env)) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		return fmt.Errorf("opening the notes of the boot loader: %w", err)
	}
	defer file.Close()
	raw := make([]byte, envSize+1)
	n, _ := file.ReadAt(raw, 0) // shorter or longer is what parseEnv refuses
	e, err := parseEnv(raw[:n])
	if err != nil {
		return err
	}
	f(&e)
	out, err := e.bytes()
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(out, 0); err != nil {
		return fmt.Errorf("writing the notes of the boot loader: %w", err)
	}
	return errors.Join(file.Sync(), file.Close())
}
