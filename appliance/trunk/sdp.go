package trunk

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/sdp/v3"

	"hotline/appliance/audio"
)

// Limits on a session description from a stranger. A trunk sends some hundred
// bytes and one or two lines.
const (
	maxSDP        = 64 << 10
	maxMediaLines = 30
	maxFormats    = 400
)

var (
	errBadSDP    = errors.New("the session description cannot be read")
	errNoCommon  = errors.New("the session description offers no sound that the hotline speaks (PCMU or PCMA over RTP/AVP or RTP/SAVP)")
	errNoAddress = errors.New("the session description names an address that the hotline cannot reach from its media address")
)

// direction is an a=sendrecv family attribute, seen by the one who wrote it.
type direction string

const (
	sendrecv direction = "sendrecv"
	sendonly direction = "sendonly"
	recvonly direction = "recvonly"
	inactive direction = "inactive"
)

// answering is the direction to answer with (RFC 3264 §6.1).
func (d direction) answering() direction {
	switch d {
	case sendonly:
		return recvonly
	case recvonly:
		return sendonly
	case inactive:
		return inactive
	default:
		return sendrecv
	}
}

// mediaLine is one m= line as the far end wrote it, so that a refused one can
// be repeated with port 0.
type mediaLine struct {
	media   string
	port    string
	proto   string
	formats []string
}

// session is what the far end says about its sound.
type session struct {
	lines  []mediaLine
	chosen int // index into lines of the one that carries our sound

	remote    netip.AddrPort
	law       audio.Law
	dtmf      uint8 // payload type of telephone-event/8000, 0 = none
	ptime     time.Duration
	direction direction
	held      bool     // the far end does not want to hear us
	mux       bool     // reports on the sound travel with it (RFC 5761)
	sealing   *sealing // how it encrypts, nil for sound in the clear
	timing    sdp.Timing
}

// readSession reads an offer or an answer. Source is where its SIP message
// came from, family the address family of our media. The law of a running call
// stays as it is where the description allows it, and a call that began in the
// clear or encrypted goes on so.
func readSession(body []byte, source, family netip.Addr, running *session) (*session, error) {
	known, lines, err := splitSession(body)
	if err != nil {
		return nil, err
	}
	var description sdp.SessionDescription
	if err := description.UnmarshalString(known); err != nil {
		return nil, errBadSDP // its text may quote the stranger
	}
	s := &session{lines: lines, chosen: -1, ptime: audio.FrameDuration}
	if len(description.TimeDescriptions) > 0 {
		s.timing = description.TimeDescriptions[0].Timing
	}
	why := errNoCommon
	next := 0
	for i, line := range lines {
		if !line.ours() {
			continue
		}
		if next >= len(description.MediaDescriptions) {
			return nil, errBadSDP
		}
		media := description.MediaDescriptions[next]
		next++
		if s.sealing != nil {
			continue
		}
		candidate := *s
		err := candidate.take(&description, media, line, source, family, running)
		switch {
		case err != nil && !errors.Is(err, errNoCommon):
			why = err
		case err == nil && (s.chosen < 0 || candidate.sealing != nil): // offered both ways: encrypted
			candidate.chosen = i
			*s = candidate
		}
	}
	if s.chosen < 0 {
		return nil, why
	}
	return s, nil
}

// ours reports whether the line could carry our sound.
func (l mediaLine) ours() bool {
	switch l.proto {
	case "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF":
		return l.media == "audio" && l.port != "0"
	}
	return false
}

// sealed reports a line whose sound is encrypted.
func (l mediaLine) sealed() bool { return strings.HasPrefix(l.proto, "RTP/SAVP") }

// splitSession separates what is parsed in full from the m= lines that are
// only refused. pion/sdp fails on a whole description when one line has a
// media type, transport or bandwidth word it does not know (T.38 fax, for one).
func splitSession(body []byte) (known string, lines []mediaLine, err error) {
	if len(body) == 0 || len(body) > maxSDP || bytes.IndexByte(body, 0) >= 0 {
		return "", nil, errBadSDP
	}
	var kept strings.Builder
	keep := true
	for raw := range strings.SplitSeq(string(body), "\n") {
		text := strings.TrimRight(raw, "\r \t")
		if text == "" {
			continue
		}
		if len(text) < 2 || text[1] != '=' || strings.ContainsRune(text, '\r') {
			return "", nil, errBadSDP
		}
		switch text[0] {
		case 'm':
			line, ok := readMediaLine(text[2:])
			if !ok || len(lines) == maxMediaLines {
				return "", nil, errBadSDP
			}
			lines = append(lines, line)
			keep = line.ours()
			text = "m=audio " + line.port + " " + line.proto + " " + strings.Join(line.formats, " ")
		case 'v', 'o', 's', 't', 'c', 'a':
		default:
			continue // i u e p b k z r: nothing we act on
		}
		if keep {
			kept.WriteString(text)
			kept.WriteString("\r\n")
		}
	}
	if len(lines) == 0 {
		return "", nil, errBadSDP
	}
	return kept.String(), lines, nil
}

func readMediaLine(value string) (mediaLine, bool) {
	fields := strings.Fields(value)
	if len(fields) < 4 || len(fields)-3 > maxFormats {
		return mediaLine{}, false
	}
	for _, f := range fields {
		if strings.ContainsFunc(f, func(r rune) bool { return r < '!' || r > '~' }) {
			return mediaLine{}, false
		}
	}
	port, _, _ := strings.Cut(fields[1], "/")
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return mediaLine{}, false
	} else {
		port = strconv.FormatUint(n, 10)
	}
	return mediaLine{media: strings.ToLower(fields[0]), port: port, proto: fields[2], formats: fields[3:]}, true
}

// take reads one audio line into s, or says why it cannot be used.
func (s *session) take(description *sdp.SessionDescription, media *sdp.MediaDescription, line mediaLine, source, family netip.Addr, running *session) error {
	maps := make(map[string]string, len(media.MediaName.Formats)) // payload type → encoding, lower case
	s.direction, s.sealing, s.mux = sendrecv, nil, false
	maxptime := time.Duration(0)
	for _, a := range slices.Concat(description.Attributes, media.Attributes) {
		switch a.Key {
		case "rtpmap":
			if payload, encoding, ok := strings.Cut(a.Value, " "); ok {
				maps[payload] = strings.ToLower(strings.TrimSpace(encoding))
			}
		case string(sendrecv), string(sendonly), string(recvonly), string(inactive):
			s.direction = direction(a.Key)
		case "ptime":
			s.ptime = packetTime(a.Value, s.ptime)
		case "rtcp-mux":
			s.mux = true
		case "crypto":
			if sealing, ok := readSealing(a.Value); ok && s.sealing == nil && line.sealed() {
				s.sealing = sealing
			}
		case "maxptime":
			maxptime = packetTime(a.Value, 0)
		}
	}
	if maxptime > 0 && s.ptime > maxptime {
		s.ptime = maxptime
	}

	if line.sealed() != (s.sealing != nil) || running != nil && (running.sealing != nil) != (s.sealing != nil) {
		return errNoCommon
	}

	found := false
	s.dtmf = 0
	for _, format := range media.MediaName.Formats {
		encoding := maps[format]
		law, is := lawOf(format, encoding)
		switch {
		case is && (!found || running != nil && running.law == law):
			found = true
			s.law = law
		case s.dtmf == 0 && encoding == "telephone-event/8000":
			if n, err := strconv.ParseUint(format, 10, 8); err == nil && n >= 96 && n <= 127 {
				s.dtmf = uint8(n)
			}
		}
	}
	if !found {
		return errNoCommon
	}
	return s.locate(description, media, source, family)
}

// lawOf recognises PCMU and PCMA by their static payload types (RFC 3551 §6),
// with or without an rtpmap.
func lawOf(format, encoding string) (audio.Law, bool) {
	encoding = strings.TrimSuffix(encoding, "/1")
	switch {
	case format == "0" && (encoding == "" || encoding == "pcmu/8000"):
		return audio.MuLaw, true
	case format == "8" && (encoding == "" || encoding == "pcma/8000"):
		return audio.ALaw, true
	}
	return 0, false
}

// packetTime reads a ptime. Only whole frames of 10 ms are meant by anybody.
func packetTime(value string, otherwise time.Duration) time.Duration {
	ms, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || ms < 10 || ms > 60 || ms%10 != 0 {
		return otherwise
	}
	return time.Duration(ms) * time.Millisecond
}

// locate works out where our sound goes and whether the far end holds us.
func (s *session) locate(description *sdp.SessionDescription, media *sdp.MediaDescription, source, family netip.Addr) error {
	connection := media.ConnectionInformation
	if connection == nil {
		connection = description.ConnectionInformation
	}
	if connection == nil || connection.Address == nil {
		return errBadSDP
	}
	text, _, _ := strings.Cut(connection.Address.Address, "/")
	ip, err := netip.ParseAddr(text)
	if err != nil {
		// A host name is allowed (RFC 4566 §5.7) and never used by trunks. A
		// lookup would hold up the answer; the signalling address is as good.
		ip = source
	}
	ip = ip.Unmap().WithZone("")
	port := uint16(media.MediaName.Port.Value)

	s.held = s.direction == sendonly || s.direction == inactive
	if ip.IsUnspecified() {
		// The old way to say hold (RFC 3264 §8.4).
		s.held = true
		if s.direction == sendrecv {
			s.direction = sendonly
		}
		s.remote = netip.AddrPort{}
		return nil
	}
	if ip.IsMulticast() || ip.Is4() != family.Unmap().Is4() {
		return errNoAddress
	}
	if ip.IsPrivate() && source.IsValid() && !source.Unmap().IsPrivate() && !source.IsLoopback() {
		// A phone behind a router tells its inside address; its sound comes
		// from where its signalling comes from.
		ip = source.Unmap()
	}
	s.remote = netip.AddrPortFrom(ip, port)
	return nil
}

// local is our side of the descriptions of one call.
type local struct {
	address netip.AddrPort
	id      uint64 // o= session id
	version uint64
	last    []byte
	sealing *sealing // how we encrypt, nil for sound in the clear
}

// answer writes the answer to an offer: the line that carries our sound with
// one law and the keys, every other line refused with port 0, in order.
func (l *local) answer(offer *session) ([]byte, error) {
	description := l.description()
	description.TimeDescriptions = []sdp.TimeDescription{{Timing: offer.timing}} // RFC 3264 §6
	for i, line := range offer.lines {
		if i == offer.chosen {
			description.MediaDescriptions = append(description.MediaDescriptions,
				l.sound(line.proto, []audio.Law{offer.law}, offer.dtmf, offer.ptime, offer.direction.answering()))
			if offer.mux {
				description.MediaDescriptions[i].WithPropertyAttribute("rtcp-mux")
			}
			continue
		}
		description.MediaDescriptions = append(description.MediaDescriptions, &sdp.MediaDescription{
			MediaName: sdp.MediaName{Media: line.media, Protos: strings.Split(line.proto, "/"), Formats: line.formats},
		})
	}
	return l.marshal(description)
}

// offer writes our own offer, for an INVITE that brought none.
func (l *local) offer(laws []audio.Law, dtmf uint8) ([]byte, error) {
	description := l.description()
	proto := "RTP/AVP"
	if l.sealing != nil {
		proto = "RTP/SAVP"
	}
	description.MediaDescriptions = []*sdp.MediaDescription{
		l.sound(proto, laws, dtmf, audio.FrameDuration, sendrecv),
	}
	return l.marshal(description)
}

func (l *local) description() *sdp.SessionDescription {
	family := "IP4"
	if l.address.Addr().Is6() {
		family = "IP6"
	}
	text := l.address.Addr().String()
	return &sdp.SessionDescription{
		Origin: sdp.Origin{Username: "-", SessionID: l.id, SessionVersion: l.version,
			NetworkType: "IN", AddressType: family, UnicastAddress: text},
		SessionName:           "-",
		ConnectionInformation: &sdp.ConnectionInformation{NetworkType: "IN", AddressType: family, Address: &sdp.Address{Address: text}},
		TimeDescriptions:      []sdp.TimeDescription{{}},
	}
}

func (l *local) sound(proto string, laws []audio.Law, dtmf uint8, ptime time.Duration, d direction) *sdp.MediaDescription {
	media := &sdp.MediaDescription{MediaName: sdp.MediaName{
		Media: "audio", Port: sdp.RangedPort{Value: int(l.address.Port())}, Protos: strings.Split(proto, "/"),
	}}
	for _, law := range laws {
		name := "PCMU/8000"
		if law == audio.ALaw {
			name = "PCMA/8000"
		}
		media.WithCodec(uint8(law), name[:4], 8000, 0, "")
	}
	if dtmf != 0 {
		media.WithCodec(dtmf, "telephone-event", 8000, 0, "0-15")
	}
	if l.sealing != nil {
		media.WithValueAttribute("crypto", l.sealing.attribute())
	}
	media.WithValueAttribute("ptime", strconv.Itoa(int(ptime/time.Millisecond)))
	media.WithPropertyAttribute(string(d))
	return media
}

// marshal raises the version when the description differs from the one before
// (RFC 3264 §8) and keeps the bytes when it does not.
func (l *local) marshal(description *sdp.SessionDescription) ([]byte, error) {
	if l.last != nil {
		same, err := description.Marshal()
		if err == nil && bytes.Equal(same, l.last) {
			return l.last, nil
		}
		l.version++
		description.Origin.SessionVersion = l.version
	}
	body, err := description.Marshal()
	if err != nil {
		return nil, fmt.Errorf("writing the session description: %w", err)
	}
	l.last = body
	return body, nil
}
