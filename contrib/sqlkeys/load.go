package sqlkeys

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// What is read is bounded: beyond it a row cannot be used, or nothing is read.
const (
	maxField   = 64 << 10  // bytes of one column
	maxKeys    = 1_000_000 // rows
	maxChanged = 256 << 20 // bytes of the rows that have changed
)

// A reading is what one poll found: the entries, of which some wait for their row to
// be understood.
type reading struct {
	revision string
	same     bool // the revision is the old one: there are no entries
	entries  map[string]*entry
	waiting  []waiting
	bytes    int
	faults   []fault // of rows without an id
}

type waiting struct {
	*entry
	row *row
}

type fault struct {
	id  string
	err error
}

// load asks the database and makes the next snapshot. The limit is for asking, and
// again for decrypting. A secret that is not decrypted within it is a fault of its
// row alone, so that it does not hold up what else has changed.
func (s *Store) load(ctx context.Context, old *snapshot, limit time.Duration) (next *snapshot, changed bool, err error) {
	start := s.now()
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := s.read(asking, old)
	if err != nil {
		return nil, false, err
	}
	if r.same {
		same := *old
		same.checked, same.err = start, old.faults
		return &same, false, nil
	}
	decrypting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := s.understandAll(decrypting, r)
	if err := ctx.Err(); err != nil {
		return nil, false, fmt.Errorf("sqlkeys: %w", err)
	}
	s.plan(again)
	next, changed = r.snapshot(old, start)
	return next, changed, nil
}

// understandAll makes the keys of the rows that wait. It tells whether any of them is
// to be tried again.
func (s *Store) understandAll(ctx context.Context, r *reading) (again bool) {
	defer r.clear()
	for _, w := range r.waiting {
		if r.entries[w.id] == w.entry { // else the id is there twice
			again = s.understand(ctx, w.entry, w.row) || again
		}
	}
	return again
}

// plan says when the keys are read next although the revision is the same: for a
// writer that got around the triggers, and sooner for secrets that could not be
// decrypted.
func (s *Store) plan(again bool) {
	wait := s.reloadEvery
	if again {
		wait = min(max(2*s.retry, s.interval), s.reloadEvery)
		s.retry = wait
	} else {
		s.retry = 0
	}
	s.reloadAt = s.now().Add(wait)
}

// snapshot is what was read, and whether keys in use are others than before.
func (r *reading) snapshot(old *snapshot, start time.Time) (next *snapshot, changed bool) {
	next = &snapshot{entries: r.entries, revision: r.revision, loaded: start, checked: start}
	changed = len(next.entries) != len(old.entries)
	for id, e := range next.entries {
		if e.fault == nil {
			next.keys++
			changed = changed || old.entries[id] != e
			continue
		}
		r.faults = append(r.faults, fault{id, e.fault})
	}
	if !changed && next.keys == old.keys {
		next.loaded = cmp.Or(old.loaded, start)
	}
	next.faults = summary(r.faults)
	next.err = next.faults
	return next, changed
}

// clear clears the rows that waited.
func (r *reading) clear() {
	for _, w := range r.waiting {
		w.row.clear()
	}
}

// read asks for the revision and, unless it is the old one, then for the keys, in one
// statement. So the keys are never older than the revision that they are kept
// under: where they are newer the next poll finds another revision. The transaction
// keeps both on one server where there is a pool in between.
func (s *Store) read(ctx context.Context, old *snapshot) (*reading, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("sqlkeys: connecting to the database: %w", withoutText(ctx, err))
	}
	defer tx.Rollback()
	r := new(reading)
	if r.revision, err = revision(ctx, tx, s.revisionQuery); err != nil {
		return nil, fmt.Errorf("sqlkeys: the revision query: %w", withoutText(ctx, err))
	}
	if r.revision == old.revision && s.now().Before(s.reloadAt) {
		r.same = true
		return r, nil
	}
	if err := r.readKeys(ctx, tx, s.keysQuery, old.entries); err != nil {
		r.clear()
		return nil, fmt.Errorf("sqlkeys: the keys query: %w", withoutText(ctx, err))
	}
	return r, nil
}

// revision is the text of the one value that the query gives.
func revision(ctx context.Context, tx *sql.Tx, query string) (string, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var values []any
	for rows.Next() {
		var value any
		if err := rows.Scan(&value); err != nil {
			return "", errColumns("one column")
		}
		values = append(values, value)
		if len(values) > 1 {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	if len(values) != 1 || values[0] == nil {
		return "", errColumns("one row with a value that is not NULL")
	}
	if text, ok := values[0].([]byte); ok {
		return string(text), nil
	}
	return fmt.Sprint(values[0]), nil
}

func (r *reading) readKeys(ctx context.Context, tx *sql.Tx, query string, old map[string]*entry) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	if names, err := rows.Columns(); err != nil || !slices.EqualFunc(names, columns, strings.EqualFold) {
		return errColumns("the columns " + strings.Join(columns, ", ") + ", so named and in this order")
	}
	r.entries = make(map[string]*entry, len(old))
	var one row
	defer one.clear()
	var into []any
	for i := range one.columns {
		into = append(into, &one.columns[i])
	}
	n := 0
	for rows.Next() {
		if n++; n > maxKeys {
			return errColumns(fmt.Sprintf("at most %d rows", maxKeys))
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if r.take(&one, old); r.bytes > maxChanged {
			return errColumns(fmt.Sprintf("at most %d bytes at once", maxChanged))
		}
	}
	return rows.Err()
}

// take takes the entry of a row that has not changed, or keeps the row for later.
func (r *reading) take(row *row, old map[string]*entry) {
	if id := row.columns[0]; id.null || id.fault != "" {
		r.faults = append(r.faults, fault{"", errors.New("sqlkeys: the id of a row " + cmp.Or(id.fault, "is NULL"))})
		return
	}
	if e, ok := r.entries[string(row.id())]; ok {
		r.entries[e.id] = &entry{id: e.id, fault: fmt.Errorf("sqlkeys: key %q is there twice", scheme.Clip(e.id))}
		return
	}
	print := row.print()
	if e, ok := old[string(row.id())]; ok && e.print == print {
		r.entries[e.id] = e
		return
	}
	e := &entry{id: string(row.id()), print: print}
	r.entries[e.id] = e
	r.waiting = append(r.waiting, waiting{e, row.clone()})
	r.bytes += row.size()
}

// summary is one error of many, the same whatever their order.
func summary(faults []fault) error {
	const shown = 3
	if len(faults) == 0 {
		return nil
	}
	slices.SortFunc(faults, func(a, b fault) int {
		return cmp.Or(strings.Compare(a.id, b.id), strings.Compare(a.err.Error(), b.err.Error()))
	})
	var texts []string
	for _, f := range faults[:min(shown, len(faults))] {
		texts = append(texts, strings.TrimPrefix(f.err.Error(), "sqlkeys: "))
	}
	if more := len(faults) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("sqlkeys: rows that cannot be used: %s", strings.Join(texts, "; "))
}
