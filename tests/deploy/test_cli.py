"""The operator's command without a stack: its configuration and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.__main__ import app

NOBODY = "127.0.0.1:1"


def configured(folder: Path, mode: int = 0o600, **values: Any) -> str:
    file = folder / "operator.json"
    file.write_text(json.dumps({"credential": "po_x", "services": {"identity": NOBODY}} | values))
    file.chmod(mode)
    return str(file)


def told(*argv: str) -> tuple[int, str]:
    """(exit code, standard error)"""
    result = CliRunner().invoke(app, argv)
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"mode": 0o640}, "chmod 600"),
        ({"services": {"identity": "identity.example:7000"}}, "in the clear"),
        ({"services": {"identity": "10.0.0.5:7000"}}, "in the clear"),
        ({"services": {}}, "where identity is"),
        ({"services": 5}, "is no configuration"),
    ],
)
def test_a_configuration_that_is_not_good_says_what_to_do(tmp_path: Path, values: dict[str, Any], says: str) -> None:
    code, error = told("--config", configured(tmp_path, **values), "whoami")
    assert code == 4
    assert says in error


def test_without_a_configuration_the_places_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, folder in (("XDG_CONFIG_HOME", "own"), ("PORTICO_RUN_DIR", "run")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    code, error = told("whoami")
    assert code == 4
    assert f"{tmp_path}/own/portico/operator.json" in error
    assert f"{tmp_path}/run/operator.json" in error
    (tmp_path / "run").mkdir()
    configured(tmp_path / "run")
    assert told("whoami")[0] == 5


def test_a_service_that_does_not_answer_ends_with_its_own_code_and_in_json_when_asked(tmp_path: Path) -> None:
    config = configured(tmp_path)
    code, error = told("--config", config, "account", "list", "--json")
    assert (code, json.loads(error)["error"]["reason"]) == (5, "UNAVAILABLE")


def test_what_destroys_is_not_done_without_a_yes(tmp_path: Path) -> None:
    config = configured(tmp_path)
    for argv in (
        ("account", "lock", "P-10001", "--reason", "x"),
        ("user", "lock", "a@b.example", "--reason", "x"),
        ("user", "sign-out", "a@b.example"),
        ("user", "reset-factors", "a@b.example"),
        ("operator", "disable", "Anna"),
        ("dead", "replay", "billing", "--all"),
    ):
        code, error = told("--config", config, *argv)
        assert (code, "Aborted" in error) == (1, True)
        # With it the services are asked, which are not there.
        assert told("--config", config, *argv, "--yes")[0] in {4, 5}


@pytest.mark.parametrize(
    "argv", [("chain", "verify"), ("chain", "verify", "P-1", "--all"), ("dead", "replay", "billing")]
)
def test_a_choice_that_is_missing_is_wrong_usage(argv: tuple[str, ...]) -> None:
    assert told(*argv)[0] == 2
