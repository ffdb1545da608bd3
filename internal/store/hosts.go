package store

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How long a server may take to let us in when the URL does not say. Several servers have severalTimeout together,
// so that a request is still served by the last of them while the others, off the network, do not even refuse.
const (
	connectTimeout = 3 * time.Second
	severalTimeout = 2 * time.Second
)

// followHosts makes config, in which the hosts of a URL stand, look for the one that takes writes when there are
// several, each time that a session is opened.
func followHosts(config *pgx.ConnConfig) {
	_, first := pgconn.NetworkAddress(config.Host, config.Port)
	hosts := map[string]bool{first: true} // one stands there once with TLS and once without, by some modes of TLS
	for _, next := range config.Fallbacks {
		_, address := pgconn.NetworkAddress(next.Host, next.Port)
		hosts[address] = true
	}
	several := len(hosts) > 1
	switch {
	case config.ConnectTimeout > 0:
	case several:
		config.ConnectTimeout = severalTimeout / time.Duration(len(hosts))
	default:
		config.ConnectTimeout = connectTimeout
	}
	if several && config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}
