//go:build kills

package app_test

import "testing"

func TestManyKills_EachDocumentIsWrittenOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, databaseURL, key string) {
		t.Parallel()
		killWorkers(t, databaseURL, key, 200, 3)
	})
}
