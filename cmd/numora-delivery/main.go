// Command numora-delivery takes delivery reports and answers what was delivered.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/alecthomas/kong"

	"github.com/numora/delivery/internal/app"
	"github.com/numora/delivery/internal/config"
)

func main() { os.Exit(run()) }

// run returns the exit code: 2 when the command line or the settings are wrong, 3 when what was to be proven is not so, 1 when the
// work failed.
func run() int {
	parser := kong.Must(&commands{}, kong.Name("numora-delivery"),
		kong.Description("Takes delivery reports, keeps them as audit history, and answers what was delivered."))
	arguments, strange := sortOut(os.Args[1:], parser.Model.Node)
	command, err := parser.Parse(arguments)
	if err != nil {
		complain(&config.Error{Problems: append(strange, err.Error())})
		return 2
	}
	if len(strange) > 0 && command.Command() != "serve" { // which tells them with its other problems
		complain(&config.Error{Problems: strange})
		return 2
	}
	command.Bind(strange)
	command.BindTo(untilSignalled(), (*context.Context)(nil))
	if err := command.Run(); err != nil {
		complain(err)
		if settings := (*config.Error)(nil); errors.As(err, &settings) {
			return 2
		}
		if errors.Is(err, app.ErrNotProven) {
			return 3
		}
		return 1
	}
	return 0
}
