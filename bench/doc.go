// Bench measures how many calls this machine carries. It places real calls by
// SIP and RTP over the loopback against a server in another process, and
// prints what the server costs and what the callers hear, next to the targets.
//
//	go run ./bench                        the voice plane alone, in a child process
//	go run ./bench -launch "./hotline serve …" -sip 127.0.0.1:5060 -number 112
//	go run ./bench -sip 127.0.0.1:5060 -number 112 -pid 4711
//
// It is a measurement, not a test: it fails only when it cannot measure.
// Packets on the loopback are delivered on the sender's account: what the
// server sends costs the server, what the callers send costs the bench, except
// for waking the server up. Compare figures of one run only; a machine that
// does other things shows in all of them.
package main
