// Command numora-delivery takes delivery reports and answers what was delivered.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/alecthomas/kong"

	"github.com/numora/delivery/internal/config"
)

func main() { os.Exit(run()) }

// run returns the exit code: 2 when the command line or the settings are wrong, 1 when the work failed.
func run() int {
	parser := kong.Must(&commands{}, kong.Name("numora-delivery"),
		kong.Description("Takes delivery reports, keeps them as audit history, and answers what was delivered."))
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		complain(err)
		return 2
	}
	command.BindTo(untilSignalled(), (*context.Context)(nil))
	if err := command.Run(); err != nil {
		complain(err)
		if settings := (*config.Error)(nil); errors.As(err, &settings) {
			return 2
		}
		return 1
	}
	return 0
}
