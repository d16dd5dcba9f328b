package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/pion/opus"
	"github.com/pion/opus/pkg/oggreader"
)

// opusRate is the clock of Ogg Opus positions, whatever the sound (RFC 7845 §4).
const opusRate = 48000

// ReadOpus decodes one of the hotline's own prompts: mono Ogg Opus (RFC 7845),
// as the renderer writes it. It is not for files of unknown origin.
func ReadOpus(file []byte) (*Clip, error) {
	ogg, head, err := oggreader.NewWith(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("reading Opus: %w", err)
	}
	decoder, err := opus.NewDecoderWithOutput(SampleRate, 1)
	if err != nil {
		return nil, fmt.Errorf("reading Opus: %w", err)
	}
	var pcm []int16
	frame := make([]int16, SampleRate*120/1000) // the longest packet (RFC 6716 §2.1.4)
	var end uint64
	for {
		packet, page, err := ogg.ParseNextPacket()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading Opus: %w", err)
		}
		if bytes.HasPrefix(packet, []byte("OpusTags")) {
			continue
		}
		n, err := decoder.DecodeToInt16(packet, frame)
		if err != nil {
			return nil, fmt.Errorf("decoding Opus: %w", err)
		}
		pcm = append(pcm, frame[:n]...)
		end = page.GranulePosition
	}
	// The codec's run-in at the beginning and the padding of the last packet
	// are no sound (RFC 7845 §4.2, §4.4).
	first := min(int(head.PreSkip)*SampleRate/opusRate, len(pcm))
	last := len(pcm)
	if position := int(end * SampleRate / opusRate); position > first && position < last {
		last = position
	}
	return FromPCM(pcm[first:last]), nil
}
