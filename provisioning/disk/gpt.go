package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/google/uuid"
)

// Every copy of the image has the same names: its disk's, and its partitions'. Two
// of them in one machine, as when the stick that it came on is still plugged in,
// cannot be told apart, and a start might take the records of the other one. So a
// disk gets names of its own at its first start.
//
// The tables are those of the UEFI Specification 2.10, §5.3: two of the same,
// each a header and the partitions, one at the beginning of the disk and one at
// its end.

const sector = 512 // all disks that the image starts from have these

// Where a header says what.
const (
	gptSum      = 16 // of the header, with zeros in this place
	gptAt       = 24 // its own sector
	gptOther    = 32 // the sector of the other header
	gptDisk     = 56 // the name of the disk
	gptEntries  = 72 // the first sector of the partitions
	gptCount    = 80 // of partitions
	gptSize     = 84 // of one of them
	gptSums     = 88 // of all partitions
	gptHeader   = 92 // bytes in all
	entryUnique = 16 // where a partition has its name; before it stands its kind
)

// gpt is one of the two tables of a disk.
type gpt struct {
	header  [sector]byte
	entries []byte
}

// Storage is a disk.
type Storage interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

var errNoTable = errors.New("the disk has no table of partitions that is whole")

// Name gives a disk that is named from, and its partitions, names of their own. A
// disk with another name has them. The other table is written first: at any
// moment in which the power goes, both who reads the first table whatever its sums
// say (GRUB) and who then takes the second (Linux) read the same names.
func Name(disk Storage, from uuid.UUID) (named bool, err error) {
	first, err := readGPT(disk, 1)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(first.header[gptDisk:gptDisk+16], mixed(from)) {
		return false, nil
	}
	second, err := readGPT(disk, binary.LittleEndian.Uint64(first.header[gptOther:]))
	if err != nil {
		return false, fmt.Errorf("the second one: %w", err)
	}
	if len(second.entries) != len(first.entries) {
		return false, errNoTable
	}
	names := [][]byte{}
	for range len(first.entries)/first.size() + 1 {
		made, err := uuid.NewRandom()
		if err != nil {
			return false, err
		}
		names = append(names, mixed(made))
	}
	for _, table := range []*gpt{second, first} {
		table.rename(names)
		if err := table.write(disk); err != nil {
			return false, err
		}
	}
	return true, nil
}

// mixed is how a table keeps a name: of its five groups the first three with the
// last byte first (UEFI 2.10, appendix A).
func mixed(name uuid.UUID) []byte {
	return []byte{name[3], name[2], name[1], name[0], name[5], name[4], name[7], name[6],
		name[8], name[9], name[10], name[11], name[12], name[13], name[14], name[15]}
}

func (t *gpt) size() int { return int(binary.LittleEndian.Uint32(t.header[gptSize:])) }

func readGPT(disk Storage, at uint64) (*gpt, error) {
	t := &gpt{}
	if _, err := disk.ReadAt(t.header[:], int64(at)*sector); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(t.header[12:])
	count, size := binary.LittleEndian.Uint32(t.header[gptCount:]), binary.LittleEndian.Uint32(t.header[gptSize:])
	if string(t.header[:8]) != "EFI PART" || length != gptHeader || binary.LittleEndian.Uint64(t.header[gptAt:]) != at ||
		count == 0 || count > 1024 || size != 128 || t.sum() != binary.LittleEndian.Uint32(t.header[gptSum:]) {
		return nil, errNoTable
	}
	t.entries = make([]byte, count*size)
	if _, err := disk.ReadAt(t.entries, t.partitions()); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(t.entries) != binary.LittleEndian.Uint32(t.header[gptSums:]) {
		return nil, errNoTable
	}
	return t, nil
}

// sum is that of the header.
func (t *gpt) sum() uint32 {
	header := bytes.Clone(t.header[:gptHeader])
	clear(header[gptSum : gptSum+4])
	return crc32.ChecksumIEEE(header)
}

// partitions is where they begin on the disk, in bytes.
func (t *gpt) partitions() int64 {
	return int64(binary.LittleEndian.Uint64(t.header[gptEntries:])) * sector
}

// rename gives the disk the first name and each partition the next one.
func (t *gpt) rename(names [][]byte) {
	copy(t.header[gptDisk:], names[0])
	for i, name := range names[1:] {
		entry := t.entries[i*t.size():][:t.size()]
		if !bytes.Equal(entry[:16], make([]byte, 16)) { // used
			copy(entry[entryUnique:], name)
		}
	}
	binary.LittleEndian.PutUint32(t.header[gptSums:], crc32.ChecksumIEEE(t.entries))
	binary.LittleEndian.PutUint32(t.header[gptSum:], t.sum())
}

func (t *gpt) write(disk Storage) error {
	if _, err := disk.WriteAt(t.entries, t.partitions()); err != nil {
		return err
	}
	if _, err := disk.WriteAt(t.header[:], int64(binary.LittleEndian.Uint64(t.header[gptAt:]))*sector); err != nil {
		return err
	}
	return disk.Sync()
}
