//go:build race

package ivr_test

// share: the race detector makes a conversation ten times as slow and sees the
// same engine in each, so that it gets every third; without it all are played
// (make test does both).
const share = 3
