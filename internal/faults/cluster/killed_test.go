//go:build faults

package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/faults/cluster"
)

// killedVariable makes this program one that has a frozen cluster and waits to be killed.
const killedVariable = "FAULTS_TEST_KILLED"

func beKilled() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	ctx := context.Background()
	c, err := cluster.Start(ctx, cluster.Options{})
	must(err)
	connection, err := pgx.Connect(ctx, c.URL())
	must(err)
	var data string
	must(connection.QueryRow(ctx, "SHOW data_directory").Scan(&data))
	must(c.Freeze())
	fmt.Println(data)
	select {}
}

func TestKilled_TakesAFrozenClusterAlong(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), killedVariable+"=yes")
	output, err := command.StdoutPipe()
	check(t, err)
	check(t, command.Start())
	data, err := bufio.NewReader(output).ReadString('\n')
	check(t, err)
	data = strings.TrimSpace(data)
	t.Cleanup(func() { check(t, os.RemoveAll(filepath.Dir(data))) })
	lock, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	check(t, err)
	first, _, _ := strings.Cut(string(lock), "\n")
	postmaster, err := strconv.Atoi(first)
	check(t, err)
	check(t, syscall.Kill(postmaster, 0))
	check(t, command.Process.Kill())
	_ = command.Wait() // it was killed
	for deadline := time.Now().Add(20 * time.Second); !errors.Is(syscall.Kill(postmaster, 0), syscall.ESRCH); {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", postmaster)); err == nil && strings.Contains(string(stat), ") Z ") {
			break // it has ended, and nobody has asked how
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is still there")
		}
	}
}
