package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// strangeFlags are problems: the flags of the command line that no command has. They are told together with
// whatever else is wrong, where kong would stop at the first.
type strangeFlags []string

// sortOut returns the arguments without the strange flags among them.
func sortOut(arguments []string, commands *kong.Node) (known []string, strange strangeFlags) {
	names := map[string]bool{}
	collectFlags(commands, names)
	for _, argument := range arguments {
		name, _, _ := strings.Cut(argument, "=")
		if strings.HasPrefix(name, "--") && name != "--" && !names[name] {
			strange = append(strange, "unknown flag "+name)
		} else {
			known = append(known, argument)
		}
	}
	return known, strange
}

func collectFlags(node *kong.Node, names map[string]bool) {
	for _, flag := range node.Flags {
		names["--"+flag.Name] = true
	}
	for _, child := range node.Children {
		collectFlags(child, names)
	}
}
