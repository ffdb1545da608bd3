package workers

import (
	"bytes"
	"context"
	"fmt"
)

// Goroutines returns how many goroutines the server has. It asks for the profile, whose first line says so: what else its metrics
// count is asked of the database.
func (s *Server) Goroutines(ctx context.Context) (count int, err error) {
	_, body, err := s.ask(ctx, "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	if _, err := fmt.Sscanf(string(line), "goroutine profile: total %d", &count); err != nil {
		return 0, fmt.Errorf("server %d does not tell its goroutines: %q", s.Number, line)
	}
	return count, nil
}
