// Package provisioning turns a bare machine into a running hotline: it writes
// the configuration, makes the certificates and the first accounts, and says
// in a sentence what stands in the way. It knows nothing of calls.
package provisioning
