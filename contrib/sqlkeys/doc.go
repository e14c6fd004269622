// Package sqlkeys keeps the keys of requests in a SQL database: a
// [hmacsign.KeyStore] over database/sql, tested on PostgreSQL, SQLite and MariaDB.
//
// A [Store] holds a snapshot of all keys. One goroutine asks the database for its
// revision, once a second, and reads the keys when it is another; no request waits
// for the database. A key whose row has not changed stays the same
// *hmacsign.Key, so its keyed MACs stay too.
//
// A row that cannot be used, say with an unknown scheme or a secret that does not
// decrypt, takes its own key out of use and no other: requests with that key get an
// error that is not [hmacsign.ErrUnknownKey] (503), it is reported, and the rest of
// the change takes effect, so that a fault in one key never keeps a revoked one
// alive. If the database cannot be asked, the snapshot serves on until
// [WithStaleLimit] is over; then every request is refused with 503.
//
// The folder schema has the tables, with triggers that change the revision, so that
// no writer can forget to.
package sqlkeys
