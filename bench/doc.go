// Bench measures what this machine carries. It places real calls by SIP and
// RTP over the loopback, and connects real WebRTC clients, against a server in
// another process. It prints what the server costs and what the callers hear,
// next to the targets.
//
//	go run ./bench                          everything, about ten minutes; needs ./hotline
//	go run ./bench -parts setup,start       only these
//	go run ./bench -pid 4711 -sip 127.0.0.1:5060 -number 112    callers of another server
//
// The parts:
//
//	prompts    callers of the finished program, hearing prompts and music
//	memory     callers who wait in its queue, pressed through its menus
//	setup      calls a second: answered, heard for six seconds, hung up
//	start      from the start of its process to the first answered call
//	bridges    pairs of callers joined by the voice plane alone
//	recorded   the same, recorded in stereo
//	browsers   callers joined with browsers
//
// It is a measurement, not a test: it fails only when it cannot measure.
// Packets on the loopback are delivered on the sender's account: what the
// server sends costs the server, what the callers send costs the bench, except
// for waking the server up. Compare figures of one run only; a machine that
// does other things shows in all of them.
package main
