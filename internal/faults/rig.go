package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/numora/delivery/internal/faults/cluster"
	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/wire"
	"github.com/numora/delivery/internal/faults/workers"
)

// replicas is how many servers there are.
const replicas = 3

// maxConnections leaves little beyond what servers open, so that the rest is taken quickly.
const maxConnections = 48

// rig is everything that faults befall: PostgreSQL, servers each with its own way to it, and clients.
type rig struct {
	settings  settings
	directory string
	program   workers.Program
	prepared  workers.Prepared
	random    *rand.Rand // which server a fault befalls

	cluster *cluster.Cluster
	proxies []*wire.Proxy
	servers []*workers.Server
	journal *workers.Journal
	caller  *workers.Caller
	load    *workers.Load
	history *history.Writer
	file    *os.File // of the history
	base    []standing
}

// build starts everything but the load.
func build(ctx context.Context, s settings, program workers.Program, directory string) (r *rig, err error) {
	r = &rig{settings: s, directory: directory, program: program, random: rand.New(rand.NewPCG(s.seed, 1<<32))} // #nosec G404 -- to be made again by its seed
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
			r = nil
		}
	}()
	progress("starting PostgreSQL and %d servers", replicas)
	if r.cluster, err = cluster.Start(ctx, cluster.Options{MaxConnections: maxConnections}); err != nil {
		return r, err
	}
	if r.prepared, err = r.program.Prepare(ctx, r.databaseURL(), directory); err != nil {
		return r, err
	}
	if err := r.beginHistory(); err != nil {
		return r, err
	}
	if err := r.startServers(ctx); err != nil {
		return r, err
	}
	var origins []string
	for _, s := range r.servers {
		origins = append(origins, s.Origin)
	}
	r.caller = workers.NewCaller(origins, r.prepared.Keys, r.journal, workers.Patience)
	r.load = workers.NewLoad(r.caller, s.seed, s.clients)
	return r, nil
}

// databaseURL is what the program's other commands connect to, past the proxies.
func (r *rig) databaseURL() string { return cluster.ServerURL(r.cluster.Address()) }

func (r *rig) historyPath() string { return filepath.Join(r.directory, "history.jsonl") }

func (r *rig) beginHistory() (err error) {
	if r.file, err = os.Create(r.historyPath()); err != nil {
		return err
	}
	header := history.Header{Began: time.Now(), Deadline: workers.Deadline, Clients: r.settings.clients, Seed: r.settings.seed}
	if r.history, err = history.NewWriter(r.file, header); err != nil {
		return err
	}
	r.journal = workers.NewJournal(header.Began, r.history.Write)
	return nil
}

func (r *rig) startServers(ctx context.Context) error {
	var urls []string
	for n := range replicas {
		proxy, err := wire.Listen(r.cluster.Address())
		if err != nil {
			return err
		}
		r.proxies = append(r.proxies, proxy)
		urls = append(urls, cluster.ServerURL(proxy.Address())+"&application_name="+applicationName(n))
	}
	var err error
	if r.servers, err = workers.Servers(r.program, r.prepared, r.journal, r.directory, urls...); err != nil {
		return err
	}
	for _, s := range r.servers {
		if _, err := s.Start(ctx); err != nil {
			return err
		}
	}
	return r.awaitReady(ctx)
}

func (r *rig) awaitReady(ctx context.Context) error {
	for _, s := range r.servers {
		if err := s.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// applicationName is what PostgreSQL knows the sessions of a server by.
func applicationName(server int) string { return fmt.Sprintf("numora-delivery-%d", server) }

// close ends everything and removes the cluster, but for its log. What is in the directory stays.
func (r *rig) close() (err error) {
	for _, s := range r.servers {
		err = errors.Join(err, s.Discard())
	}
	for _, p := range r.proxies {
		err = errors.Join(err, p.Close())
	}
	if r.cluster != nil {
		err = errors.Join(err, r.cluster.SaveLog(filepath.Join(r.directory, "postgres.log")), r.cluster.Close())
	}
	if r.history != nil {
		err = errors.Join(err, r.history.Flush())
	}
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	return err
}
