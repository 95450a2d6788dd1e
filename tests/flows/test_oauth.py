"""An independent OpenID Connect client signs Anna in on the real stack, uses what it got, and is shown out again."""

import asyncio
import re
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import websockets
from idpyoidc.client.rp_handler import RPHandler

from tests.flows.portal import Person, Portal
from tests.flows.test_house import connected

SCOPES = ["openid", "profile", "email", "offline_access", "domains.read"]
REVOKE = "mutation ($i: ID!) { revokeSession(input: {id: $i}) { userErrors { code } } }"


def relying_party(portal: Portal) -> RPHandler:
    """idpyoidc with nothing told but what the demo file says; the rest it discovers."""
    client = portal.stack.demo["oauth"]
    pkce = {"code_challenge_length": 64, "code_challenge_method": "S256"}
    known = {
        "issuer": portal.stack.url,
        "client_id": client["client_id"],
        "client_type": "oidc",
        "redirect_uris": [client["redirect_uri"]],
        "response_types_supported": ["code"],
        "scopes_supported": SCOPES,
        "token_endpoint_auth_methods_supported": [],  # a public client
        "add_ons": {"pkce": {"function": "idpyoidc.client.oauth2.add_on.pkce.add_support", "kwargs": pkce}},
    }
    keys = {"key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}]}
    return RPHandler(base_url="http://127.0.0.1:8787", key_conf=keys, client_configs={"portico": known})


async def test_a_strict_openid_connect_client_signs_in_refreshes_and_ends_with_its_session(portal: Portal) -> None:
    [anna] = [person for person in portal.stack.demo["people"] if person["email"].startswith("anna@")]
    form = {"email": anna["email"], "password": anna["password"]}
    cookie = {"Cookie": (await portal.http.post("/sign-in", data=form)).headers["set-cookie"].split(";")[0]}

    async def signed_in(document: str, **variables: object) -> Any:
        body = {"query": document, "variables": variables}
        return (await portal.http.post("/graphql", json=body, headers=cookie)).json()["data"]

    party = relying_party(portal)
    asked = await asyncio.to_thread(party.begin, "portico", "", {"scope": SCOPES})
    page = await portal.http.get(asked, headers=cookie)
    assert "Portico demo" in page.text
    answer = dict(re.findall(r'name="(request|user)" value="([^"]*)"', page.text)) | {"answer": "allow"}
    back = await portal.http.post("/oauth/consent", data=answer, headers=cookie)
    told = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    # It checks issuer, audience, signature, nonce, at_hash and times of the ID token, and asks for userinfo.
    found = await asyncio.to_thread(party.finalize, portal.stack.url, told)
    assert "error" not in found
    assert found["userinfo"]["email"] == "anna@minta.example"
    assert found["id_token"]["sub"] == found["userinfo"]["sub"]
    renewed = await asyncio.to_thread(party.refresh_access_token, found["state"])
    assert renewed["access_token"] != found["token"]
    app = Person(portal.http, renewed["access_token"])
    assert (await app.ask("{ account { domains(first: 1) { nodes { name } } } }")).data["account"]["domains"]["nodes"]
    denied = await app.ask("{ account { invoices(first: 1) { nodes { number } } } }")
    assert [e["extensions"]["code"] for e in denied.errors] == ["FORBIDDEN"]

    listed = (await signed_in("{ viewer { sessions { id application } } }"))["viewer"]["sessions"]
    [session] = [one["id"] for one in listed if one["application"] == "Portico demo"]
    async with connected(portal, app) as socket:
        assert not (await signed_in(REVOKE, i=session))["revokeSession"]["userErrors"]
        revoked_at = time.monotonic()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert time.monotonic() - revoked_at < 1
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403
    assert (await app.ask("{ viewer { currentIp } }")).status == 401
