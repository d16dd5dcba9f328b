// Package media is the voice plane: one Endpoint per leg sends a packet every
// 20 ms and receives whatever the far end says. It owns RTP over UDP sockets,
// the clock of all legs, encryption (SRTP), reports (RTCP), key presses
// (RFC 4733 or tones), recording, the relay between two legs and the mixing of
// more. It knows nothing of SIP, WebRTC, queues or people.
//
// Rules of the house:
//
//  1. One goroutine, the Pacer, sends for all legs that play something. One
//     more receives for all its UDP legs. A bridge adds none: what comes in on
//     one leg is written straight into the other. A room adds none: it has a
//     place on a Pacer like a leg.
//  2. Every leg has two locks, in (what comes in) and out (what goes out).
//     in may be held while taking out of the same leg, never the other way
//     round, and never two legs at a time. The lock of a room comes before
//     both, that of a recorder's side after.
//  3. Nothing is allocated, logged or stored per packet.
//  4. A leg has one SSRC, one run of sequence numbers and one time line for
//     its whole life, whatever it plays. The time line follows the wall clock,
//     so switching from a prompt to music to a person never moves time
//     backwards and never builds up delay.
package media
