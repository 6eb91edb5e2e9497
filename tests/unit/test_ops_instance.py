"""Ports, folders, instances and secrets of a run."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from arriwa.ops import folders
from arriwa.ops.errors import OpsError
from arriwa.ops.instance import base_environment, claim_instance, load_secrets, product_environment
from arriwa.ops.ports import free_port, reserve_port


def test_preferred_port_is_given_when_free_and_its_neighbour_when_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = free_port(port)
        assert other != port
    assert free_port(port) == port
    assert free_port(port, avoid=frozenset({port})) != port


def test_second_run_of_an_instance_gets_the_next_name(tmp_path: Path) -> None:
    first = claim_instance(tmp_path, "demo")
    second = claim_instance(tmp_path, "demo")
    assert (first.name, first.taken) == ("demo", None)
    assert (second.name, second.taken) == ("demo-2", "demo")
    first.lock.release()
    assert claim_instance(tmp_path, "demo").name == "demo"


def test_compiled_files_are_kept_in_the_virtual_environment_where_none_may_lie_beside_the_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    environment = base_environment()
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert Path(environment["PYTHONPYCACHEPREFIX"]).is_relative_to(sys.prefix)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    assert "PYTHONPYCACHEPREFIX" not in base_environment()


def test_instance_name_cannot_leave_the_data_folder(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="ARRIWA_INSTANCE"):
        claim_instance(tmp_path, "../elsewhere")


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("ARRIWA_SECRET_KEY", "ARRIWA_MASTER_KEY", "ARRIWA_DEMO_API_TOKEN", "ARRIWA_DEMO_STAFF_PASSWORD")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    instance = claim_instance(tmp_path, "demo")
    kept = load_secrets(tmp_path, instance, None)
    assert load_secrets(tmp_path, instance, None) == kept
    assert len(base64.b64decode(kept.master_key, validate=True)) == 32
    assert {path.stat().st_mode & 0o777 for path in instance.folder.glob("*_*")} == {0o600}


def test_secrets_of_a_foreign_database_are_shared_by_instances(tmp_path: Path) -> None:
    first, second = claim_instance(tmp_path, "demo"), claim_instance(tmp_path, "demo")
    url = "postgres://a@db/x"
    assert load_secrets(tmp_path, first, url) == load_secrets(tmp_path, second, url)
    assert load_secrets(tmp_path, first, "postgres://a@db/y") != load_secrets(tmp_path, first, url)


def test_platforms_are_the_sandbox_unless_the_caller_set_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARRIWA_KOMMO_URL", raising=False)
    monkeypatch.setenv("ARRIWA_META_URL", "http://proxy")
    kept = load_secrets(tmp_path, claim_instance(tmp_path, "demo"), None)
    env = product_environment(kept, database_url="postgres://x", web_url="http://w", sandbox_url="http://s")
    assert env["ARRIWA_KOMMO_URL"] == "http://s/kommo/{subdomain}"
    assert env["ARRIWA_META_URL"] == "http://proxy"
    assert env["ARRIWA_ENV"] == "demo"


def test_unusable_repository_folder_is_replaced_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARRIWA_DATA_DIR", raising=False)
    (tmp_path / "var").write_text("a file in the way")
    chosen = folders.data_folder(tmp_path)
    try:
        assert chosen.path != tmp_path / "var"
        assert chosen.note is not None and str(chosen.path) in chosen.note
    finally:
        chosen.path.rmdir()


def test_unusable_named_data_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ARRIWA_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(OpsError, match="ARRIWA_DATA_DIR"):
        folders.data_folder(tmp_path)


def test_data_folder_of_the_caller_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARRIWA_DATA_DIR", f"/tmp/arriwa-ops-{os.getpid()}")
    chosen = folders.data_folder(tmp_path)
    chosen.path.rmdir()
    assert (str(chosen.path), chosen.note) == (f"/tmp/arriwa-ops-{os.getpid()}", None)


def test_a_reserved_port_is_not_given_to_another_run() -> None:
    script = "from arriwa.ops.ports import reserve_port; print(reserve_port({port}))"
    mine = reserve_port(18_000)
    other = subprocess.run(
        [sys.executable, "-c", script.format(port=mine)], capture_output=True, text=True, check=True
    )
    assert int(other.stdout) != mine
