package store

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/numora/delivery/internal/store/storetest"
)

// pooler stands before the test's PostgreSQL as PgBouncer does: it lends out sessions, the one that came back
// last first, for as long as a client stays (pool_mode=session) or for a transaction (pool_mode=transaction).
type pooler struct {
	t              *testing.T
	databaseURL    string
	byTransaction  atomic.Bool
	connectionsYet atomic.Uint32

	mu   sync.Mutex
	idle []net.Conn
}

func newPooler(t *testing.T, databaseURL string, byTransaction bool, options ...string) (p *pooler, location string) {
	t.Helper()
	p = &pooler{t: t, databaseURL: databaseURL}
	p.byTransaction.Store(byTransaction)
	t.Cleanup(p.endIdle)
	return p, at(t, databaseURL, serveTCP(t, p.serve), append(options, "sslmode", "disable")...).String()
}

func (p *pooler) take() (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.idle) - 1; last >= 0 {
		session := p.idle[last]
		p.idle = p.idle[:last]
		return session, nil
	}
	conn, err := pgconn.Connect(p.t.Context(), p.databaseURL)
	if err != nil {
		return nil, err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	return hijacked.Conn, nil
}

func (p *pooler) giveBack(session net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, session)
}

// endIdle ends the sessions that are not lent out.
func (p *pooler) endIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, session := range p.idle {
		_ = session.Close()
	}
	p.idle = nil
}

// serve serves one client. It takes the client's messages up to one that PostgreSQL answers with its state, then
// passes on the answer up to that.
func (p *pooler) serve(client net.Conn) {
	backend := pgproto3.NewBackend(client, client)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1<<30 + p.connectionsYet.Add(1), SecretKey: []byte{1, 2, 3, 4}})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if backend.Flush() != nil {
		return
	}
	var session net.Conn
	var err error
	for {
		kind, text, err2 := message(client)
		if err2 != nil || kind == 'X' {
			break
		}
		if session == nil {
			if session, err = p.take(); err != nil {
				p.t.Error(err)
				return
			}
		}
		if _, err = session.Write(text); err != nil {
			break
		}
		if kind != 'Q' && kind != 'S' { // others are answered when a Sync follows
			continue
		}
		state := byte(0)
		for state == 0 {
			kind, text, err := message(session)
			if err != nil {
				_ = session.Close()
				return
			}
			if kind == 'Z' {
				state = text[5]
			}
			if state == 'I' && p.byTransaction.Load() { // before the client knows that it is over
				p.giveBack(session)
				session = nil
			}
			if _, err := client.Write(text); err != nil {
				if session != nil {
					_ = session.Close()
				}
				return
			}
		}
	}
	if session != nil {
		_ = session.Close()
	}
}

// message reads one message, and returns what kind it is beside the whole.
func message(from io.Reader) (kind byte, text []byte, err error) {
	text = make([]byte, 5)
	if _, err := io.ReadFull(from, text); err != nil {
		return 0, nil, err
	}
	text = append(text, make([]byte, binary.BigEndian.Uint32(text[1:])-4)...)
	_, err = io.ReadFull(from, text[5:])
	return text[0], text, err
}

func TestPostgresPooler_BySession_Serves(t *testing.T) {
	databaseURL := storetest.Postgres(t)
	_, location := newPooler(t, databaseURL, false)
	s := migrated(t, location)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	register(t, s)
	if err := recordOne(t, s, 1); err != nil {
		t.Error(err)
	}
}

// checkPooled checks that err says: not executed, because of the pooler.
func checkPooled(t *testing.T, err error) {
	t.Helper()
	checkNotExecuted(t, err)
	if err != nil && !strings.Contains(err.Error(), "pool_mode=session") {
		t.Errorf("%v does not say what to set", err)
	}
}

// A report that is acknowledged through it might be lost: the settings of one session do not hold in the next,
// where a default of synchronous_commit=off does.
func TestPostgresPooler_ByTransaction_IsNotReadyAndRefusesWrites(t *testing.T) {
	databaseURL := storetest.Postgres(t)
	register(t, migrated(t, databaseURL))
	set(t, databaseURL, "synchronous_commit", "off")
	_, location := newPooler(t, databaseURL, true)
	s := opened(t, location, Options{})
	checkPooled(t, s.Migrate(t.Context()))
	checkPooled(t, s.Ready(t.Context()))
	checkPooled(t, recordOne(t, s, 1))
	if err := recordOne(t, opened(t, databaseURL, Options{}), 1); err != nil {
		t.Errorf("afterwards, without it: %v", err)
	}
}

// A pooler may be set to the other way while a server works through it, and back. As long as it lends out none but
// sessions that are prepared, all is well; with the first that is not, nothing is executed any more.
func TestPostgresPooler_SetToTransactions_IsNoticed(t *testing.T) {
	for name, options := range map[string][]string{
		"ByAPreparedStatement": nil,
		"ByADurabilitySetting": {"default_query_exec_mode", "exec"}, // prepares none
	} {
		t.Run(name, func(t *testing.T) {
			databaseURL := storetest.Postgres(t)
			register(t, migrated(t, databaseURL))
			set(t, databaseURL, "synchronous_commit", "off")
			p, location := newPooler(t, databaseURL, false, options...)
			s := opened(t, location, Options{Connections: 2})
			if err := recordOne(t, s, 1); err != nil {
				t.Fatal(err)
			}
			p.byTransaction.Store(true)
			if err := recordOne(t, s, 2); err != nil {
				t.Fatal(err)
			}
			p.endIdle()
			checkNotExecuted(t, recordOne(t, s, 3))
			checkPooled(t, s.Ready(t.Context()))
			checkPooled(t, recordOne(t, s, 3))
			p.byTransaction.Store(false)
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("not ready again: %v", err)
			}
			if err := recordOne(t, s, 3); err != nil {
				t.Error(err)
			}
		})
	}
}
