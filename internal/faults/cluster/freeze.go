package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// keeper is a shell that keeps the server frozen until its standard input ends, which it does with this process too: a
// frozen server would not notice.
type keeper struct {
	command *exec.Cmd
	input   io.WriteCloser
}

// keep freezes the first process, which from then on starts no others, then those that it is told, and thaws all.
const keep = `trap "" INT TERM HUP; kill -STOP "$1" && echo; read -r others; [ -z "$others" ] || kill -STOP $others; echo; read -r _; kill -CONT $others "$1"`

// Freeze stops all of the server's processes where they are. Connections to it stay open and are not answered.
func (c *Cluster) Freeze() (err error) {
	if c.frozen != nil {
		return errors.New("the server is frozen")
	}
	pid := c.postmaster.command.Process.Pid
	command := exec.Command("sh", "-c", keep, "sh", strconv.Itoa(pid))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := command.StdinPipe()
	if err != nil {
		return err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	c.frozen = &keeper{command, input}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("freeze the server: %w", err), c.Thaw())
		}
	}()
	said := bufio.NewReader(output)
	if _, err := said.ReadString('\n'); err != nil {
		return err
	}
	children, err := childrenOf(pid)
	if err != nil {
		return err
	}
	numbers := make([]string, len(children))
	for i, p := range children {
		numbers[i] = strconv.Itoa(p.pid)
	}
	if _, err := io.WriteString(input, strings.Join(numbers, " ")+"\n"); err != nil {
		return err
	}
	_, err = said.ReadString('\n')
	return err
}

// Thaw lets a frozen server go on; it does nothing to another one.
func (c *Cluster) Thaw() error {
	if c.frozen == nil {
		return nil
	}
	thawing := c.frozen
	c.frozen = nil
	err := thawing.input.Close()
	_ = thawing.command.Wait() // it complains of processes that somebody has killed meanwhile
	return err
}
