"""What a document costs does not grow with the account."""

from pathlib import Path

import pytest

from deploy.bench import per_document, target
from deploy.bench.documents import DASHBOARD, DOMAIN_PAGE
from deploy.bench.http import Client
from deploy.bench.target import LARGE, SMALL, NoStack
from deploy.stack import Stack


@pytest.mark.parametrize("document", [DASHBOARD, DOMAIN_PAGE], ids=["dashboard", "page of domains"])
async def test_a_document_costs_the_same_for_few_domains_and_for_two_thousand(stack: Stack, document: str) -> None:
    where = target.read(stack.base)
    client = await Client.connect(where.url)
    few = await per_document.of(client, document, where.tokens[SMALL])
    many = await per_document.of(client, document, where.tokens[LARGE])
    client.close()
    assert few.domains < 20 < many.domains
    assert (few.kept, few.anew) == (many.kept, many.anew)


def test_without_a_stack_the_bench_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NoStack, match="make run"):
        target.read(tmp_path)
