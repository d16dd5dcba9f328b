// Package triage decides who is helped next and keeps the records of those
// who asked: contacts and cases, queues and routing profiles, the dispatcher
// that offers waiting contacts to agents.
//
// Everybody who tried to reach the hotline and still needs something is an item
// of the worklist (item.go); what became of every attempt is in the books
// (books.go), read from the event log. Call-backs (callback.go) are what the
// hotline does about an item by itself.
//
// The policy (policy.go) is pure: it gets everything it needs, the time
// included, and returns decisions with their reasons. The dispatcher
// (dispatcher.go) is the only place that acts on them. Neither knows how a leg
// is made, nor any page.
package triage
