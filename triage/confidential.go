package triage

import "slices"

// BoxComplaint is the voicemail box for complaints about the help itself.
const BoxComplaint = "complaint"

// private reports that the contact is for people alone who were trained for it.
func (k Contact) private() bool {
	return k.ChildAlone || k.Queue == QueuePrivate || k.Promise != nil && k.Promise.Queue == QueuePrivate || k.left(QueuePrivate)
}

// left reports whether the caller left a message in a box.
func (k Contact) left(box string) bool {
	return slices.ContainsFunc(k.Messages, func(m Message) bool { return m.Box == box })
}

// answeredBy reports whether a talk in a queue is an answer to an earlier
// attempt of the same number. A message is answered when somebody has heard it,
// and what was for trained people when one of them has talked: a telephone may
// be a whole family's.
func (k Contact) answeredBy(queue string) bool {
	return closedByRule(k.Open) && len(k.Messages) == 0 && (!k.private() || queue == QueuePrivate)
}

// MayWork reports who may see and work on an item: everybody who works with the
// worklist, but trained people alone where something was told in private. A
// complaint may be about any of them, so it is for those who lead.
func (i Item) MayWork(trained, leads bool) bool {
	return leads || !i.Complaint && (!i.Private || trained)
}
