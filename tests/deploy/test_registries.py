"""The stack's two sandbox registries, and what one left behind that ran every zone."""

from pathlib import Path

import pytest

from deploy import registries
from deploy.parts import Parts
from deploy.stack import Stack
from services.domains import registries as of_domains
from services.domains.registries import Registries
from tests import sandbox


def test_every_zone_has_the_registry_that_runs_it() -> None:
    assert registries.of("minta.hu") is registries.HU
    assert {registries.of(f"minta.{tld}").name for tld in ("com", "net", "org", "eu", "info", "dev")} == {"sandbox"}
    with pytest.raises(LookupError):
        registries.of("minta.nincsilyen")


async def test_names_of_a_folder_from_before_there_were_two_are_still_there(tmp_path: Path) -> None:
    old = tmp_path / "registry"
    old.mkdir()
    with sandbox.registry(old, "--state", str(old / "registry.sqlite3")) as before:
        for name in ("regi.hu", "regi.com"):
            before.seed(name, auth="Regi-kod-1")
    stack = Stack(tmp_path, parts=Parts(tmp_path, settings={}), seed=False)
    accounts = of_domains.read(stack._registries_file())
    known = Registries(account.open() for account in accounts)
    assert [account.poll_seconds for account in accounts] == [1, 1]
    try:
        for process in registries.REGISTRIES:
            await stack.start(process)
        for name, registry in (("regi.hu", "sandbox-hu"), ("regi.com", "sandbox")):
            assert known.of(name).name == registry
            info = await known.of(name).info(name)
            assert info is not None
            assert (info.cl_id, info.auth_info) == ("portico", "Regi-kod-1")
        assert set(stack.ports) >= {"registry", "registry_control", "registry_hu", "registry_hu_control"}
        # Killed and started again, it goes on with what is its own.
        await stack.kill("registry_hu")
        await stack.start("registry_hu")
        assert (await known.of("regi.hu").check(["regi.hu", "szabad.hu"]))["szabad.hu"].available
        assert await known.of("regi.hu").info("regi.hu") is not None
    finally:
        await known.close()
        for process in registries.REGISTRIES:
            await stack.stop(process)
