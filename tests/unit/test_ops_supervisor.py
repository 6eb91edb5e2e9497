"""The supervisor: restarts, a merged log, nobody left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from ops_helpers import alive, start_program, until

from arriwa.ops.errors import OpsError
from arriwa.ops.supervisor import Interrupted, Process, Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: Writes its own and its worker's process id, then sleeps.
PARENT = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpid()} {worker.pid} ")
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + PARENT
SUPERVISED = """
import os, sys
from arriwa.ops.supervisor import Process, Supervisor
program, mark = sys.argv[1:]
sys.exit(Supervisor([Process("parent", [sys.executable, "-c", program, mark], os.environ)]).run())
"""


def python(name: str, program: str, *arguments: str) -> Process:
    return Process(name, [sys.executable, "-c", program, *arguments], os.environ)


def pids(mark: Path) -> list[int]:
    """The process ids that PARENT wrote, once it has."""
    until(lambda: mark.exists() and mark.read_text().endswith(" "), "the program has started")
    return [int(word) for word in mark.read_text().split()]


def test_dying_process_is_started_again_and_its_lines_are_kept(tmp_path: Path) -> None:
    mark = tmp_path / "lives"
    program = "import sys; print('one life'); open(sys.argv[1], 'a').write('x')"
    done = "import sys, time\nwhile open(sys.argv[1]).read() != 'xxx': time.sleep(0.02)"
    mark.touch()
    with Supervisor([python("mortal", program, str(mark))], log_folder=tmp_path, echo=False) as supervisor:
        path = supervisor.log.path
        assert supervisor.run_command(python("wait", done, str(mark)))[0] == 0
    assert path is not None
    lines = path.read_text().splitlines()
    assert sum(line.endswith("mortal   | one life") for line in lines) >= 3
    assert any("ended with status 0; again in 0.4 s" in line for line in lines)


def test_end_of_the_block_stops_workers_too(tmp_path: Path) -> None:
    with Supervisor([python("parent", PARENT, str(tmp_path / "mark"))], echo=False):
        started = pids(tmp_path / "mark")
        assert all(map(alive, started))
    assert not any(map(alive, started))


def test_workers_of_a_killed_process_do_not_outlive_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with Supervisor([python("parent", PARENT, str(mark))], echo=False) as supervisor:
        parent, worker = pids(mark)
        mark.unlink()
        os.kill(parent, signal.SIGKILL)
        again = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.02)"
        assert supervisor.run_command(python("wait", again, str(mark)))[0] == 0
        assert not alive(worker)
        assert supervisor.pid("parent") not in (None, parent)


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_everything_once(tmp_path: Path, name: signal.Signals) -> None:
    supervisor = start_program(SUPERVISED, PARENT, str(tmp_path / "mark"))
    started = pids(tmp_path / "mark")
    supervisor.send_signal(name)
    output, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 0, output
    assert not any(map(alive, started))


@pytest.mark.parametrize("program", [PARENT, STUBBORN], ids=["polite", "stubborn"])
def test_nothing_is_left_after_kill_9_of_the_supervisor(tmp_path: Path, program: str) -> None:
    supervisor = start_program(SUPERVISED, program, str(tmp_path / "mark"))
    started = pids(tmp_path / "mark")
    supervisor.kill()
    supervisor.communicate(timeout=40)
    until(lambda: not any(map(alive, started[:1])), "the process ends", 30)
    until(lambda: not any(map(alive, started)), "its worker ends", 30)


def test_process_that_never_gets_ready_is_named_with_its_last_words(tmp_path: Path) -> None:
    dying = [sys.executable, "-c", "print('no port'); raise SystemExit(3)"]
    with (
        Supervisor([Process("web", dying, os.environ, lambda: False)], echo=False) as supervisor,
        pytest.raises(OpsError, match=r"(?s)web does not stay up.*no port"),
    ):
        supervisor.wait_ready(30)


def test_slow_process_is_waited_for_and_then_given_up() -> None:
    begin = time.monotonic()
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        Supervisor([Process("slow", sleeping, os.environ, lambda: False)], echo=False) as supervisor,
        pytest.raises(OpsError, match="slow is not ready after 1 s"),
    ):
        supervisor.wait_ready(1)
    assert time.monotonic() - begin < 30


def test_command_returns_its_status_and_last_lines() -> None:
    with Supervisor(echo=False) as supervisor:
        program = "print('first'); print('{\"a\": 1}', end=''); raise SystemExit(7)"
        assert supervisor.run_command(python("setup", program)) == (7, ["first", '{"a": 1}'])


def test_signal_interrupts_a_command_and_stops_it(tmp_path: Path) -> None:
    kill_us = "import os, signal, sys, time; os.kill(int(sys.argv[1]), signal.SIGTERM); time.sleep(60)"
    begin = time.monotonic()
    with Supervisor(echo=False) as supervisor, pytest.raises(Interrupted):
        supervisor.run_command(python("command", kill_us, str(os.getpid())))
    assert time.monotonic() - begin < 30
