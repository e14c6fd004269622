package sqlkeys

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"syscall"
)

// errColumns says what a query of ours or the user's must give.
type errColumns string

func (e errColumns) Error() string { return "it must give " + string(e) }

// sqlState finds the standard's code in what the drivers of PostgreSQL and MySQL
// write around a server's message.
var sqlState = regexp.MustCompile(`\(SQLSTATE ([0-9A-Z]{5})\)|^Error \d+ \(([0-9A-Z]{5})\)`)

// meanings are of the codes that are met while setting up.
var meanings = map[string]string{
	"08001": "the server cannot be reached",
	"28000": "the server refuses the user",
	"28P01": "the server refuses the password",
	"3D000": "there is no such database",
	"42000": "syntax error or no right",
	"42501": "the user has no right to do this: grant SELECT",
	"42601": "syntax error",
	"42703": "there is no such column",
	"42P01": "there is no such table: run the file of the folder schema that is for this database",
	"42S02": "there is no such table: run the file of the folder schema that is for this database",
	"53300": "the server has too many connections",
	"57P03": "the server is starting or ending",
}

// withoutText says what a driver's error is about without the driver's words, which
// may hold the DSN with its password, or values of a row.
func withoutText(ctx context.Context, err error) error {
	var ours errColumns
	var number syscall.Errno
	var code interface{ Code() int }
	if errors.As(err, &ours) {
		return ours
	}
	if ctx.Err() != nil {
		return ctx.Err() // drivers word the end of their time as they like
	}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone} {
		if errors.Is(err, known) {
			return known
		}
	}
	if state := sqlState.FindStringSubmatch(err.Error()); state != nil {
		state := state[1] + state[2]
		if meaning, ok := meanings[state]; ok {
			return fmt.Errorf("%s (SQLSTATE %s)", meaning, state)
		}
		return fmt.Errorf("SQLSTATE %s", state)
	}
	switch {
	case errors.As(err, &number):
		return number
	case errors.As(err, &code):
		return fmt.Errorf("%T with code %d", err, code.Code())
	}
	return fmt.Errorf("%T, whose text may hold what is secret: see that the DSN has special characters of its password as %%XX, and try it and the query with the database's own client", err)
}
