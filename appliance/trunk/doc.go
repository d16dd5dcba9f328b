// Package trunk is the SIP edge: calls from a telephone trunk, a GSM gateway
// or a SIP phone become Calls, which the floors above treat as a context with
// a cause, and an Endpoint with sound.
//
// It owns the SIP socket, the dialogs, offer and answer (RFC 3264), and the
// rules about what strangers may ask. sipgo carries messages and transactions
// and nothing else: the validator, the dialog, the repetition of the 200 and
// the call are here. It must not know what a call is about: no queues, no
// prompts, no records.
//
// How a message travels:
//
//  1. wire reads the datagram and drops what cannot be SIP or comes from an
//     address that is not a peer, before sipgo remembers the address for ever;
//     over TCP and TLS a gatekeeper lets in peers, so many and no more, and a
//     stream hands on whole messages, in time or never;
//  2. sipgo parses it and matches its transaction, in a goroutine of its own;
//  3. Trunk.receive, which recovers, validates it (RFC 3261 §8.2) and finds
//     its dialog;
//  4. the call's mailbox takes it. One goroutine per call reads the mailbox,
//     so everything about one dialog happens one after the other.
//
// Calls out (outgoing, dialling) take the same way back: Dial builds a Call
// whose loop begins in another situation and is the same once it is answered.
// They go over lines (line, register, health), to numbers that the policy
// allows and to phones that are registered here (registrar).
//
// Nothing a stranger sends is acted on beyond the call it belongs to: no
// REFER, no redirection, no registration without a password.
package trunk
