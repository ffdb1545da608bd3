//go:build kills

package app_test

import (
	"testing"

	"github.com/numora/delivery/internal/store/storetest"
)

func TestManyKills_EachDocumentIsWrittenOnce(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		t.Parallel()
		killWorkers(t, databaseURL, 200, 3)
	})
}
