package config

import (
	"os"
	"strings"
	"time"
)

// Audit is how the audit history is sealed.
type Audit struct {
	KeyFile          string   `name:"audit-key-file" env:"NUMORA_AUDIT_KEY_FILE" placeholder:"FILE" help:"The file of the key, made by \"audit keygen\", that checkpoints over the audit history are signed with. Without it nothing is sealed."`
	SealEvery        Duration `name:"audit-seal-every" env:"NUMORA_AUDIT_SEAL_EVERY" default:"60s" placeholder:"DURATION" help:"After how long at most an entry of the audit history is sealed (default ${default})."`
	SealEntries      Count    `name:"audit-seal-entries" env:"NUMORA_AUDIT_SEAL_ENTRIES" default:"10000" placeholder:"N" help:"How many entries that are not sealed are not left to wait for that (default ${default})."`
	CheckpointFile   string   `name:"audit-checkpoint-file" env:"NUMORA_AUDIT_CHECKPOINT_FILE" placeholder:"FILE" help:"The file that each signed checkpoint is appended to. Keep it, or copies of it, where who administers the database cannot write."`
	CheckpointStdout Switch   `name:"audit-checkpoint-stdout" env:"NUMORA_AUDIT_CHECKPOINT_STDOUT" help:"Write each signed checkpoint to standard output, too."`
}

// ReadKey returns the key's text, empty where there is none.
func (a Audit) ReadKey() (string, error) {
	if a.KeyFile == "" {
		return "", nil
	}
	content, err := os.ReadFile(a.KeyFile)
	return strings.TrimSpace(string(content)), withoutName(err)
}

// problems returns what is wrong, but for what the key's file holds.
func (a Audit) problems() []string {
	problems := a.SealEvery.check("NUMORA_AUDIT_SEAL_EVERY", 100*time.Millisecond, time.Hour)
	problems = append(problems, a.SealEntries.check("NUMORA_AUDIT_SEAL_ENTRIES", 1, 1_000_000)...)
	problems = append(problems, a.CheckpointStdout.check("NUMORA_AUDIT_CHECKPOINT_STDOUT")...)
	if a.KeyFile == "" && (a.CheckpointFile != "" || a.CheckpointStdout.On) {
		problems = append(problems, "set NUMORA_AUDIT_KEY_FILE, too: without a key there are no checkpoints to keep")
	}
	return problems
}
