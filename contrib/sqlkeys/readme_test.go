package sqlkeys_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The statements of the README are a key's life, from the first to the last.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```sql\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	db, remove := exampleDatabase()
	defer remove()
	for _, block := range blocks {
		statements := regexp.MustCompile(`(?m)^[A-Z].*?;`).FindAllString(block[1], -1)
		require.Len(t, statements, 4)
		for _, statement := range statements {
			result, err := db.Exec(statement)
			require.NoError(t, err, statement)
			rows, err := result.RowsAffected()
			require.NoError(t, err)
			require.EqualValues(t, 1, rows, statement)
		}
	}
}
