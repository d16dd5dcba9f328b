// Package appliance is the ground floor: the box's own facilities. It holds no
// code, only the plan of the house.
//
// Floors; a package imports only from floors below it (and, on its own floor,
// only along an arrow drawn here). floors_test.go in cmd/hotline checks it.
//
//	6  cmd/hotline          command line; serve.go is the whole wiring
//	5  ui, provisioning     screens and softphone page; bare machine to hotline
//	4  triage/desk          the story of one call, and the agents' seats
//	3  triage               contacts, cases, queues, who is helped next
//	2  ivr, volunteers      phone dialogues; registrants and agents
//	1  appliance/...        store → events; trunk, softphone → media → audio; call
//
// ivr and volunteers do not know each other. appliance knows none of the
// others. sipgo is imported only below appliance/trunk, pion/webrtc only in
// appliance/softphone, bbolt only in appliance/store, excelize only in
// appliance/table.
//
// The ordered goals that settle arguments:
//
//  1. Never lose a caller silently. Every attempt becomes an open item until a
//     person or a rule closes it.
//  2. Never lose a saved record.
//  3. Never expose a caller or a volunteer.
//  4. A tired non-expert can set it up and run it.
//  5. It sounds good and answers at once under ten times the expected load.
//  6. Everything else.
package appliance
