package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

var location = regexp.MustCompile(`\w+://.*`)

// complain tells of an error, without the URLs of the command line: they may hold passwords.
func complain(err error) {
	message := err.Error()
	for _, argument := range os.Args[1:] {
		if url := location.FindString(argument); url != "" {
			message = strings.ReplaceAll(message, url, "(a URL)")
		}
	}
	fmt.Fprintln(os.Stderr, "numora-delivery:", message)
}
