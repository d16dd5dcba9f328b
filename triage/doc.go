// Package triage decides who is helped next and keeps the records of those
// who asked: contacts and cases, queues and routing profiles, the dispatcher
// that offers waiting contacts to agents.
//
// The policy (policy.go) is pure: it gets everything it needs, the time
// included, and returns decisions with their reasons. The dispatcher
// (dispatcher.go) is the only place that acts on them. Neither knows how a leg
// is made, nor any page.
package triage
