package workers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Program is a numora-delivery, built as it is shipped.
type Program string

// Build builds the server from this module's source.
func Build(ctx context.Context, directory string) (Program, error) {
	path := filepath.Join(directory, "numora-delivery")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/numora/delivery/cmd/numora-delivery")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return Program(path), nil
}

// Command prepares a run on a database with nothing else set, whatever the environment says.
func (p Program) Command(ctx context.Context, databaseURL string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, string(p), arguments...)
	command.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "NUMORA_")
	}), "NUMORA_DATABASE_URL="+databaseURL)
	return command
}

// run runs one of the program's short commands and returns what it prints.
func (p Program) run(ctx context.Context, databaseURL string, arguments ...string) (string, error) {
	return Output(p.Command(ctx, databaseURL, arguments...))
}

// Output runs one of the program's short commands and returns what it prints.
func Output(command *exec.Cmd) (string, error) {
	var complaints bytes.Buffer
	command.Stderr = &complaints
	printed, err := command.Output()
	if err != nil {
		err = fmt.Errorf("numora-delivery %s: %w\n%s%s", command.Args[1], err, printed, &complaints)
	}
	return strings.TrimSpace(string(printed)), err
}

// Prepared is what servers and clients need beside a database.
type Prepared struct {
	Keys      []string // of as many principals
	AuditKey  string   // the file of the key that the history is sealed with
	PublicKey string
}

// principals is how many keys there are. Leases belong to one, and reports may come from any.
const principals = 3

// Prepare makes the schema, the clients' keys, and the key that the history is sealed with.
func (p Program) Prepare(ctx context.Context, databaseURL, directory string) (Prepared, error) {
	made := Prepared{AuditKey: filepath.Join(directory, "audit.key")}
	if _, err := p.run(ctx, databaseURL, "migrate"); err != nil {
		return made, err
	}
	for n := range principals {
		key, err := p.run(ctx, databaseURL, "keys", "create", fmt.Sprintf("--name=worker-%d", n),
			"--scopes=delivery:write,delivery:read,delivery:requeue,documents:read,documents:write")
		if err != nil {
			return made, err
		}
		made.Keys = append(made.Keys, key)
	}
	var err error
	made.PublicKey, err = p.run(ctx, databaseURL, "audit", "keygen", "--name=faults.example", "--out="+made.AuditKey)
	return made, err
}

// VerifyAudit verifies the sealed history, against the checkpoints that the servers have kept too, and returns what the program
// says of it.
func (p Program) VerifyAudit(ctx context.Context, databaseURL, publicKey string, checkpoints []string) (string, error) {
	arguments := []string{"audit", "verify", "--public-key=" + publicKey}
	for _, file := range checkpoints {
		arguments = append(arguments, "--checkpoints="+file)
	}
	return p.run(ctx, databaseURL, arguments...)
}
