//go:build !race

package ivr_test

const share = 1
