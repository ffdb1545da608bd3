package app

import (
	"cmp"
	"runtime/debug"
)

// version is set by the linker (-X github.com/numora/delivery/internal/app.version=v1.2.3) where a build knows its
// version and Go does not, as in a container that is built without the repository's history.
var version string

// revision is set likewise, where the build must not depend on what else Go knows of the repository.
var revision string

// Version returns the version of this program and the revision it was built from, as far as they are known.
func Version() (name, commit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(version, "unknown"), "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			commit = setting.Value
		}
	}
	return cmp.Or(version, info.Main.Version, "unknown"), cmp.Or(revision, commit, "unknown")
}
