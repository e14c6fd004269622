package sqlkeys

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// columns are those of the keys query.
var columns = []string{"id", "secret", "previous_secret", "schemes", "algorithms", "scopes"}

// An entry is a key or why its row cannot be used.
type entry struct {
	id    string
	key   *hmacsign.Key
	fault error
	// print is the row's fingerprint, by which it is known to be the same. Where a
	// secret could not be decrypted there is none, so it is tried again.
	print [sha256.Size]byte
}

// A row is what the keys query gives of a key, as it is stored.
type row struct {
	columns [6]column
}

func (r *row) id() []byte { return r.columns[0].data }

// A column takes bytes or text. What else there is makes the row a faulty one.
type column struct {
	data  []byte
	null  bool
	fault string
}

// Scan implements [sql.Scanner].
func (c *column) Scan(value any) error {
	clear(c.data)
	*c = column{data: c.data[:0]}
	switch v := value.(type) {
	case nil:
		c.null = true
	case []byte:
		c.data = append(c.data, v...)
	case string:
		c.data = append(c.data, v...)
	default:
		c.fault = fmt.Sprintf("is of type %T: use bytes or text", value)
	}
	if len(c.data) > maxField {
		clear(c.data)
		*c = column{fault: fmt.Sprintf("is longer than %d bytes", maxField)}
	}
	return nil
}

// print is a fingerprint of all that the row has.
func (r *row) print() (sum [sha256.Size]byte) {
	h := sha256.New()
	var head [9]byte
	for i := range r.columns {
		c := &r.columns[i]
		head[0] = 0
		if c.null {
			head[0] = 1
		}
		binary.BigEndian.PutUint64(head[1:], uint64(len(c.data)))
		h.Write(head[:])
		h.Write(c.data)
		h.Write([]byte(c.fault))
	}
	h.Sum(sum[:0])
	return sum
}

func (r *row) size() (n int) {
	for i := range r.columns {
		n += len(r.columns[i].data)
	}
	return n
}

func (r *row) clone() *row {
	c := *r
	for i := range c.columns {
		c.columns[i].data = bytes.Clone(c.columns[i].data)
	}
	return &c
}

func (r *row) clear() {
	for i := range r.columns {
		clear(r.columns[i].data[:cap(r.columns[i].data)])
	}
}

// understand makes a row's key, or finds its fault. It tells whether that may be
// another one when it is tried again.
func (s *Store) understand(ctx context.Context, e *entry, r *row) (again bool) {
	key, err := s.key(ctx, e.id, r)
	if err == nil {
		_, err = hmacsign.StaticKeys(key) // checks it
	}
	if err != nil {
		e.fault = fmt.Errorf("sqlkeys: key %q: %w", scheme.Clip(e.id), err)
		if again = errors.Is(err, errDecrypt); again {
			e.print = [sha256.Size]byte{}
		}
		return again
	}
	e.key = key
	return false
}

func (s *Store) key(ctx context.Context, id string, r *row) (*hmacsign.Key, error) {
	k := &hmacsign.Key{ID: id}
	if r.columns[1].null {
		return nil, errors.New("secret is NULL")
	}
	for i, into := range []*[]string{&k.Schemes, &k.Algorithms, &k.Scopes} {
		names, err := r.columns[3+i].list()
		if err != nil {
			return nil, fmt.Errorf("%s %w", columns[3+i], err)
		}
		*into = names
	}
	for i, into := range []*hmacsign.SecretText{&k.Secret, &k.Previous} {
		secret, err := s.secret(ctx, id, &r.columns[1+i])
		if err != nil {
			return nil, fmt.Errorf("%s %w", columns[1+i], err)
		}
		*into = secret
	}
	return k, nil
}

// list is the names in a JSON array, none for NULL.
func (c *column) list() (names []string, err error) {
	switch {
	case c.null:
		return nil, nil
	case c.fault != "":
		return nil, errors.New(c.fault)
	}
	if json.Unmarshal(c.data, &names) != nil {
		return nil, errors.New("is no JSON array of names")
	}
	if len(names) == 0 {
		return nil, errors.New("is an empty list: name what is allowed, or write NULL to allow all")
	}
	return names, nil
}

// secret is the secret of a column, none for NULL.
func (s *Store) secret(ctx context.Context, id string, c *column) (hmacsign.SecretText, error) {
	switch {
	case c.null:
		return hmacsign.SecretText{}, nil
	case c.fault != "":
		return hmacsign.SecretText{}, errors.New(c.fault)
	}
	plain := c.data
	if s.decrypt != nil {
		var err error
		if plain, err = s.decrypted(ctx, id, c.data); err != nil {
			return hmacsign.SecretText{}, err
		}
		defer clear(plain)
	}
	if len(plain) == 0 {
		return hmacsign.SecretText{}, errors.New("is empty")
	}
	return hmacsign.Secret(string(plain)), nil
}

var errDecrypt = errors.New("could not be decrypted")

// decrypted asks the hook, and says of a failure no more than that there was one.
func (s *Store) decrypted(ctx context.Context, id string, stored []byte) (plain []byte, err error) {
	defer func() {
		if recover() != nil {
			plain, err = nil, fmt.Errorf("%w: the function panicked", errDecrypt)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w in time", errDecrypt)
	}
	if plain, err = s.decrypt(ctx, id, stored); err != nil {
		clear(plain)
		return nil, errDecrypt
	}
	return plain, nil
}
