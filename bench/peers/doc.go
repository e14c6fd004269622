// Package peers compares hmacsign with other implementations. It is a module of
// its own because they are large.
package peers
