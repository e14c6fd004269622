package proxy

import (
	"log/slog"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// OpenKeys opens a keys file whose changes are logged.
func OpenKeys(path string, log *slog.Logger) (*hmacsign.FileKeys, error) {
	var keys *hmacsign.FileKeys
	keys, err := hmacsign.OpenKeys(path, func(err error) { logKeys(log, keys, err) })
	if err != nil {
		return nil, err
	}
	warnOfNone(log, keys)
	return keys, nil
}

// logKeys logs how the keys file was read again.
func logKeys(log *slog.Logger, keys keyCounts, err error) {
	if err != nil {
		log.Error("the keys file cannot be used as it is now: the old keys stay", "error", err.Error())
		return
	}
	log.Info("the keys file was read again and its keys are in use", "keys", keys.Len())
	warnOfNone(log, keys)
}

func warnOfNone(log *slog.Logger, keys keyCounts) {
	if keys.Len() == 0 {
		log.Warn("the keys file has no keys: every request is refused")
	}
}
