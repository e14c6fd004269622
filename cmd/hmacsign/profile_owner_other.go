//go:build !unix

package main

// ownersOnly leaves it to the system that a user's folder is the user's.
func ownersOnly(string) error { return nil }
