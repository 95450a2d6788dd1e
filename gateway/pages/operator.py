"""Where an operator's link opens the portal as a contact sees it.

Following the link changes nothing, so that neither a preview of it nor a scanner uses it up: the button does.
"""

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from gateway import messages
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.pages.rendering import COMMON, Texts, page, read_form, too_large
from gateway.pages.sign_in import enter
from gateway.service import Gateway, client_ip, locale_of, same_origin
from portico.identity.v1 import operator_pb2

TEXTS: Texts = {
    "hu": {
        "operator": "Belépés operátorként",
        "explained": "A portált úgy fogja látni, ahogyan az ügyfél látja: fél óráig, csak olvasásra. Az ügyfél az "
        "eseménynaplójában látja, hogy Ön belépett, és miért.",
        "go_on": "Tovább",
    },
    "en": {
        "operator": "Sign in as an operator",
        "explained": "You will see the portal as the customer sees it: for half an hour, to read only. The customer's event "
        "log will say that you came, and why.",
        "go_on": "Go on",
    },
}
_CODE_MOST = 200


async def operator(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows what will happen, POST uses the link's code up and signs in with it."""
    locale = locale_of(http.headers)

    def refused(status: int, error: str) -> Response:
        return page("operator.html", locale, TEXTS, status, code="", error=error)

    if http.method != "POST":
        code = http.query_params.get("code", "")
        if not 0 < len(code) <= _CODE_MOST:
            return refused(400, messages.text("SIGN_IN_LINK_INVALID", locale))
        return page("operator.html", locale, TEXTS, code=code, error="")
    form = await read_form(http)
    if form is None:
        return too_large()
    if not same_origin(http):
        return refused(403, COMMON[locale]["cross_origin"])
    code = form.get("code", "")
    if not 0 < len(code) <= _CODE_MOST:
        return refused(400, messages.text("SIGN_IN_LINK_INVALID", locale))
    request = operator_pb2.RedeemSignInLinkRequest(
        code=code, ip=client_ip(http), user_agent=http.headers.get("user-agent", "")[:1000]
    )
    try:
        answer = await Calls().write("identity", gateway.clients.operator.RedeemSignInLink, request, None)
    except ServiceError as error:
        problem = problem_of(error)
        if problem is None:
            raise
        status = 410 if error.reason == "SIGN_IN_LINK_INVALID" else 503
        return refused(status, messages.text(problem.message, locale, problem.values))
    return await enter(gateway, http, answer, "/")
