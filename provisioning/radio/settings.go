// Package radio is the Wi-Fi network that the appliance's own image makes where
// the machine has a radio for it, so that laptops and telephones reach its pages
// with no router in the house. A part with more rights than the hotline has owns
// the radio (Owner); the hotline asks it over a socket (Door).
package radio

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is the box's own on its network; images/root gives it to the radio.
const Address = "10.68.79.1"

// Settings are what an administrator decides. No settings: the network is on,
// under a name and with a password that nobody could guess.
type Settings struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Off      bool   `json:"off,omitempty"`
}

// What telephones take (IEEE 802.11-2020, 9.4.2.2 and J.4.1), and what is not
// guessed from a recording of one sign-in.
const (
	mostName                    = 32 // bytes
	leastPassword, mostPassword = 10, 63
)

var (
	errName     = fmt.Errorf("the name of the Wi-Fi network needs 1 to %d letters, digits or signs; letters of other scripts count two to four times", mostName)
	errPassword = fmt.Errorf("the password of the Wi-Fi network needs %d to %d letters without accents, digits or signs", leastPassword, mostPassword)
)

// Check says in a sentence what is wrong with them.
func (s Settings) Check() error {
	strange := func(r rune) bool { return !unicode.IsPrint(r) }
	if s.Name == "" || len(s.Name) > mostName || !utf8.ValidString(s.Name) || strings.ContainsFunc(s.Name, strange) || s.Name != strings.TrimSpace(s.Name) {
		return errName
	}
	// Printable ASCII; a blank at an end is lost in copying.
	if len(s.Password) < leastPassword || len(s.Password) > mostPassword || strings.ContainsFunc(s.Password, func(r rune) bool { return r < ' ' || r > '~' }) || s.Password != strings.TrimSpace(s.Password) {
		return errPassword
	}
	return nil
}

// Picture is the text of a picture by which a telephone joins, as the cameras of
// Android and iOS read it.
func (s Settings) Picture() string {
	escape := strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, `:`, `\:`, `"`, `\"`)
	return "WIFI:T:WPA;S:" + escape.Replace(s.Name) + ";P:" + escape.Replace(s.Password) + ";;"
}

// State is how the network is.
type State struct {
	Settings
	There   bool   `json:"there"`             // the machine has a radio
	On      bool   `json:"on"`                // the network can be joined
	Trouble string `json:"trouble,omitempty"` // why not, in the words of hostapd
}

// hostapd is the configuration of the program that makes the network. Nothing
// that somebody typed stands in it as it was typed. Channels 1, 6 and 11 of
// 2.4 GHz are allowed everywhere, so that nobody has to say where the box is.
// Those who have joined reach the box, and not each other.
func (s Settings) hostapd(iface string, channel int) (string, error) {
	if err := s.Check(); err != nil {
		return "", err
	}
	if iface == "" || len(iface) > 15 || strings.ContainsFunc(iface, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the radio has a name that the system does not give")
	}
	key, err := pbkdf2.Key(sha1.New, s.Password, []byte(s.Name), 4096, 32) // IEEE 802.11-2020, J.4.1
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`interface=%s
driver=nl80211
ssid2=%s
utf8_ssid=1
hw_mode=g
channel=%d
ieee80211n=1
wmm_enabled=1
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_psk=%s
ap_isolate=1
`, iface, hex.EncodeToString([]byte(s.Name)), channel, hex.EncodeToString(key)), nil
}
