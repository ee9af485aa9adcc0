"""Tiny sweeps: an MLP of 16 units on 96 of scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from search.execution.sweep import Sweep
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.run.__main__ import main
from search.schema.space import load_space


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path


@pytest.fixture
def planned(here: Path) -> Callable[..., Plan]:
    """The plan of a space written as text."""

    def plan(text: str, *overrides: str) -> Plan:
        Path("space.yaml").write_text(text)
        return Planner(load_space(Path("space.yaml"), list(overrides)), DatasetCache(download=False).fingerprint).plan()

    return plan


@pytest.fixture
def refused(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """What the command complains of; fails unless it ends with code 2, without a traceback, having written nothing."""

    def started(*arguments: object) -> int:
        pytest.fail("a sweep was started")

    monkeypatch.setattr(Sweep, "run", started)

    def run(text: str, *arguments: str) -> list[str]:
        Path("space.yaml").write_text(text)
        before = sorted(here.rglob("*"))
        assert main(["space.yaml", *arguments]) == 2
        printed = capsys.readouterr()
        *problems, last = printed.err.splitlines()
        assert not printed.out
        assert "Traceback" not in printed.err
        assert last == f"{len(problems)} problem{'s' * (len(problems) > 1)}; nothing was started."
        assert sorted(here.rglob("*")) == before
        return [problem.removeprefix("error: ") for problem in problems]

    return run


class S3:
    """A server that speaks S3, with an empty bucket."""

    def __init__(self, host: str, port: int) -> None:
        self._options = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"

    def url(self, path: str) -> str:
        return f"s3://bucket/{path}?{self._options}"


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """Credentials are in the environment, as a user's would be."""
    server = pytest.importorskip("moto.server", reason="no S3 to test with; pip install 'moto[s3]' flask flask-cors")
    import boto3
    from werkzeug.serving import WSGIRequestHandler

    with pytest.MonkeyPatch.context() as patched:
        keys = {"AWS_ACCESS_KEY_ID": "known", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}
        for name, value in keys.items():
            patched.setenv(name, value)
        patched.setattr(WSGIRequestHandler, "log_request", lambda *_: None)
        thread = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        thread.start()
        host, port = thread.get_host_and_port()
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield S3(host, port)
        thread.stop()
