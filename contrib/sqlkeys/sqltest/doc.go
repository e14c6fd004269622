// Package sqltest starts database servers for tests: a PostgreSQL of the test's own,
// in a folder of its own, on a Unix socket alone. It imports no driver.
package sqltest
