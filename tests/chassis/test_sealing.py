"""Sealed secrets: they open for what they were sealed for, also after a new key came, and for nothing else."""

import pytest

from services.chassis.sealing import SealBroken, Sealer

OLD, NEW = bytes(32), bytes(range(32))


def test_what_is_sealed_opens_for_its_purpose_alone() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(b"titok", "totp:1")
    assert sealer.open(sealed, "totp:1") == b"titok"
    assert b"titok" not in sealed
    assert sealer.seal(b"titok", "totp:1") != sealed
    for broken, purpose in (
        (sealed, "totp:2"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "totp:1"),
        (sealed[:10], "totp:1"),
        (b"", "totp:1"),
    ):
        with pytest.raises(SealBroken):
            sealer.open(broken, purpose)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    sealed = Sealer([OLD]).seal(b"titok", "x")
    turned = Sealer([NEW, OLD])
    assert turned.open(sealed, "x") == b"titok"
    with pytest.raises(SealBroken):
        Sealer([OLD]).open(turned.seal(b"titok", "x"), "x")


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "not base64!", "\n"])
def test_a_key_file_that_holds_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Sealer.read(text)
