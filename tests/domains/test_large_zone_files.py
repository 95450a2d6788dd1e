"""Zone files made to keep the reader busy: each ends soon, with what is wrong and where."""

import time

import pytest

from services.domains import zone_files
from services.domains.records import MOST_SETS, ZoneTooLarge

OCTETS = zone_files.MOST_OCTETS
LARGE = {
    "one word": "a TXT " + "x" * OCTETS,
    "one string": 'a TXT "' + "x" * OCTETS + '"',
    "escapes": "a TXT " + "\\a" * (OCTETS // 2),
    "empty strings": "a TXT " + '""' * (OCTETS // 2),
    "words": "a TXT " + "x " * (OCTETS // 2),
    "strings": "a TXT " + '"x" ' * (OCTETS // 4),
    "records": "a A 192.0.2.1\n" + "".join(f"a A 10.{n // 250}.{n % 250}.1\n" for n in range(OCTETS // 18)),
}
WRONG = {
    "a name": "x" * OCTETS + " A 192.0.2.1",
    "a Unicode name": "ő" * OCTETS + " A 192.0.2.1",
    "a name of labels": "x." * (OCTETS // 2) + " A 192.0.2.1",
    "a type": "a " + "X" * OCTETS,
    "a directive": "$" + "X" * OCTETS,
    "a TTL": "a " + "1" * OCTETS + " A 192.0.2.1",
    "an origin": "$ORIGIN " + "x" * OCTETS,
    "a parenthesis": "a TXT (" + "\n(" * (OCTETS // 2),
    "lines without a type": "a\n" * (OCTETS // 2),
    "quotes that do not close": '"\n' * (OCTETS // 2),
    "hosts": "".join(f"h{n} CNAME {'ő' * 100}\n" for n in range(OCTETS // 120)),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_set_that_is_too_large_is_named_once_and_read_no_further(kind: str) -> None:
    began = time.process_time()
    found, problems = zone_files.read("minta.hu", f"b A 192.0.2.2\n{LARGE[kind]}\nc A 192.0.2.3\n")
    assert time.process_time() - began < 3
    [problem] = problems
    assert (problem.reason, problem.metadata["name"]) == ("RECORD_SET_TOO_LARGE", "a.minta.hu.")
    # Its first record that is too much: the only one, or the hundred and first.
    assert problem.field == ("zone_file[102]" if kind == "records" else "zone_file[2]")
    assert {("b.minta.hu.", "A"), ("c.minta.hu.", "A")} <= found.keys()


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_with_it_is_said_soon_and_in_few_words(kind: str) -> None:
    began = time.process_time()
    _, problems = zone_files.read("minta.hu", WRONG[kind])
    assert time.process_time() - began < 3
    assert 0 < len(problems) <= zone_files.MOST_PROBLEMS
    assert all(len(problem.detail) < 1_000 for problem in problems)
    assert all(len(value) < 1_000 for problem in problems for value in problem.metadata.values())


def test_a_file_of_more_sets_than_a_zone_can_hold_is_refused_as_a_whole() -> None:
    lines = [f"h{n} A 192.0.2.1" for n in range(MOST_SETS + 1)]
    found, problems = zone_files.read("minta.hu", "\n".join(lines[:-1]))
    assert (len(found), problems) == (MOST_SETS, [])
    with pytest.raises(ZoneTooLarge) as refused:
        zone_files.read("minta.hu", "\n".join(lines))
    assert (refused.value.field, refused.value.metadata) == ("zone_file", {"most": str(MOST_SETS)})


def test_a_line_left_without_its_name_belongs_to_the_last_name_even_when_that_line_is_wrong() -> None:
    found, problems = zone_files.read("minta.hu", "a A 192.0.2.1\nb A x\n  TXT of-b\n")
    assert [problem.field for problem in problems] == ["zone_file[2]"]
    assert sorted(found) == [("a.minta.hu.", "A"), ("b.minta.hu.", "TXT")]
