package softphone

import (
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// sender carries the packets of a media.Endpoint to pion. Pion's own track
// would do, but copies each packet under a lock. Sequence numbers and
// timestamps stay those of the Endpoint; the SSRC is the one the answer names.
type sender struct {
	to atomic.Pointer[destination]
}

type destination struct {
	id     string
	stream webrtc.TrackLocalWriter
	ssrc   uint32
}

// WriteRTP implements media.PacketWriter. Before the browser has connected the
// packet goes nowhere.
func (s *sender) WriteRTP(header *rtp.Header, payload []byte) error {
	to := s.to.Load()
	if to == nil {
		return nil
	}
	header.SSRC = to.ssrc
	_, err := to.stream.WriteRTP(header, payload)
	return err
}

// Bind implements webrtc.TrackLocal.
func (s *sender) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, codec := range c.CodecParameters() {
		if codec.MimeType == webrtc.MimeTypePCMU && codec.PayloadType == 0 {
			s.to.Store(&destination{id: c.ID(), stream: c.WriteStream(), ssrc: uint32(c.SSRC())})
			return codec, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind implements webrtc.TrackLocal.
func (s *sender) Unbind(c webrtc.TrackLocalContext) error {
	if to := s.to.Load(); to != nil && to.id == c.ID() {
		s.to.Store(nil)
	}
	return nil
}

// The rest of webrtc.TrackLocal.
func (*sender) ID() string                { return "voice" }
func (*sender) StreamID() string          { return "hotline" }
func (*sender) RID() string               { return "" }
func (*sender) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
