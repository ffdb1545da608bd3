// Package wire is a network between a server and PostgreSQL, and what can befall one: connections are cut, refused, or silent, and
// stopped exactly around a commit. It understands as much of the protocol as it takes to know where a commit is; without TLS.
package wire

import (
	"net"
	"sync"
	"sync/atomic"
)

// Proxy passes connections on to a PostgreSQL.
type Proxy struct {
	upstream string
	listener net.Listener
	group    sync.WaitGroup

	refuses atomic.Bool
	silence atomic.Pointer[chan struct{}] // closed when a silence is over; nil without one
	trap    atomic.Pointer[Trap]          // armed, and not taken by a connection

	mutex       sync.Mutex
	closed      bool
	connections map[*connection]bool
}

// Listen begins to pass connections on to a PostgreSQL, named as HOST:PORT.
func Listen(upstream string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{upstream: upstream, listener: listener, connections: make(map[*connection]bool)}
	p.group.Go(p.accept)
	return p, nil
}

// Address is where the proxy listens, as HOST:PORT.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Close cuts all connections and takes no more.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mutex.Lock()
	p.closed = true
	p.mutex.Unlock()
	p.Cut()
	p.group.Wait()
	return err
}

// Connections returns how many connections there are.
func (p *Proxy) Connections() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.connections)
}

// Cut cuts all connections, on both sides.
func (p *Proxy) Cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for c := range p.connections {
		c.cut()
	}
}

// Refuse has new connections refused from now on, or taken again. Those that are open stay.
func (p *Proxy) Refuse(refuse bool) { p.refuses.Store(refuse) }

// Silence has nothing pass in either direction from now on, or lets everything pass that has come meanwhile. Connections
// stay open, and new ones are taken and not answered.
func (p *Proxy) Silence(silent bool) {
	if !silent {
		if over := p.silence.Swap(nil); over != nil {
			close(*over)
		}
		return
	}
	over := make(chan struct{})
	p.silence.CompareAndSwap(nil, &over)
}

// await waits until a silence is over, or the connection.
func (p *Proxy) await(c *connection) {
	for over := p.silence.Load(); over != nil; over = p.silence.Load() {
		select {
		case <-*over:
		case <-c.done:
			return
		}
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // it is closed
		}
		if p.refuses.Load() {
			refuse(client)
			continue
		}
		p.group.Go(func() { p.serve(client) })
	}
}

// refuse resets a connection.
func refuse(client net.Conn) {
	if tcp, ok := client.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = client.Close()
}

func (p *Proxy) serve(client net.Conn) {
	c := &connection{proxy: p, client: client, done: make(chan struct{}), statements: make(map[string]statement)}
	if !p.add(c) {
		_ = client.Close()
		return
	}
	defer p.remove(c)
	p.await(c)
	server, err := net.Dial("tcp", p.upstream)
	if err != nil || !c.attach(server) {
		refuse(client)
		return
	}
	var group sync.WaitGroup
	group.Go(func() { defer c.cut(); c.passRequests() })
	group.Go(func() { defer c.cut(); c.passAnswers() })
	group.Wait()
}

func (p *Proxy) add(c *connection) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.closed {
		p.connections[c] = true
	}
	return !p.closed
}

func (p *Proxy) remove(c *connection) {
	c.cut()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.connections, c)
}
