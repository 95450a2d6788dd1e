import time
from tests.access import policies
from tests.access.standins import Member
from tests.access.documents import Document
async def test_try(walk):
    async def t(what, f, n=20):
        t0=time.time(); c=time.process_time()
        for _ in range(n): await f()
        print(what, (time.time()-t0)/n*1000, (time.process_time()-c)/n*1000)
    await t("healthz", lambda: walk.http.http.get("/healthz"))
    class D: text="{viewer{currentIp}}"
    await t("viewer", lambda: walk.http.ask(D, Member(1,policies.ALL)))
    class D2: text="{account{domains{nodes{id}}}}"
    await t("domains", lambda: walk.http.ask(D2, Member(1,policies.ALL)))
    await t("inside", lambda: walk.inside().ask(D2, Member(1,policies.ALL)))
    class D3: text="{account{domain(name:\"x\"){id} domains{nodes{id zone{id}}}}}"
    await t("domains+", lambda: walk.http.ask(D3, Member(1,policies.ALL)))
