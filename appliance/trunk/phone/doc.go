// Package phone is a telephone in software: it dials over SIP, presses
// keys, speaks, and remembers all it hears. It is the robot caller of the
// demonstration and the far end in tests, so it shares nothing with the trunk
// and the media it talks to: its RTP is its own, and it can misbehave on
// request. It must not know what is at the other end.
package phone
