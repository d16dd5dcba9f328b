package phone

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"hotline/appliance/audio"
)

// remote is what the far end's description says.
type remote struct {
	sound     netip.AddrPort
	law       audio.Law
	dtmf      uint8
	direction string
	crypto    string // value of the first a=crypto
}

// describe writes the phone's session description.
func (c *Call) describe(direction string, address netip.Addr, dtmf uint8) []byte {
	c.mu.Lock()
	c.version++
	version, laws := c.version, c.cfg.Laws
	c.mu.Unlock()
	proto, sealing := "RTP/AVP", ""
	c.sound.mu.Lock()
	if c.sound.cipher != nil {
		proto, sealing = "RTP/SAVP", c.sound.cipher.line()
	}
	c.sound.mu.Unlock()
	if !address.IsValid() {
		address = c.sound.announced.Addr()
	}
	family := "IP4"
	if address.Is6() {
		family = "IP6"
	}
	var formats, maps []string
	for _, law := range laws {
		formats = append(formats, strconv.Itoa(int(law)))
		maps = append(maps, fmt.Sprintf("a=rtpmap:%d %s/8000\r\n", law, law))
	}
	if dtmf != 0 {
		formats = append(formats, strconv.Itoa(int(dtmf)))
		maps = append(maps, fmt.Sprintf("a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", dtmf, dtmf))
	}
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN %s %s\r\ns=phone\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d %s %s\r\n%s%sa=ptime:20\r\na=%s\r\n",
		version, family, address, family, address, c.sound.announced.Port(), proto, strings.Join(formats, " "), strings.Join(maps, ""), sealing, direction)
}

// readSDP reads the far end's description.
func readSDP(body []byte) (remote, error) {
	var d sdp.SessionDescription
	if len(body) == 0 {
		return remote{}, errors.New("the answer describes no sound")
	}
	if err := d.Unmarshal(body); err != nil {
		return remote{}, fmt.Errorf("reading the answer's description: %w", err)
	}
	for _, media := range d.MediaDescriptions {
		if media.MediaName.Media != "audio" || media.MediaName.Port.Value == 0 {
			continue
		}
		connection := media.ConnectionInformation
		if connection == nil {
			connection = d.ConnectionInformation
		}
		if connection == nil || connection.Address == nil {
			break
		}
		ip, err := netip.ParseAddr(connection.Address.Address)
		if err != nil {
			return remote{}, fmt.Errorf("reading the answer's address: %w", err)
		}
		there := remote{sound: netip.AddrPortFrom(ip, uint16(media.MediaName.Port.Value)), law: 255, direction: "sendrecv"}
		for _, format := range media.MediaName.Formats {
			if there.law == 255 && (format == "0" || format == "8") {
				n, _ := strconv.Atoi(format)
				there.law = audio.Law(n)
			}
		}
		for _, a := range media.Attributes {
			switch a.Key {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				there.direction = a.Key
			case "crypto":
				if there.crypto == "" {
					there.crypto = a.Value
				}
			case "rtpmap":
				payload, encoding, _ := strings.Cut(a.Value, " ")
				if strings.EqualFold(encoding, "telephone-event/8000") {
					if n, err := strconv.ParseUint(payload, 10, 7); err == nil {
						there.dtmf = uint8(n)
					}
				}
			}
		}
		if there.law == 255 {
			break
		}
		return there, nil
	}
	return remote{}, errors.New("the answer offers no sound that the phone speaks")
}
