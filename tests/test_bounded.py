"""The bounds hold whatever is put in, and what is found is what was put in last."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.bounded import OVERHEAD, Bounded, Bounds

KEY = st.sampled_from([b"a", b"b", b"c", b"d"])
PUT = st.tuples(st.just("put"), st.lists(KEY, min_size=1, max_size=3), st.binary(max_size=200))
GET = st.tuples(st.just("get"), KEY, st.none())
DISCARD = st.tuples(st.just("discard"), KEY, st.none())


def kept(entries: int = 3, age: float = 60) -> Bounded:
    """Room for `entries` values of 10 bytes under keys of one byte."""
    return Bounded(Bounds(entries * (OVERHEAD + 11), age))


TEN = b"0123456789"


def test_a_value_is_found_by_each_of_its_keys() -> None:
    table = kept()
    assert table.put([b"a", b"b"], b"one", 0)
    assert (table.get(b"a", 1), table.get(b"b", 1), table.get(b"c", 1)) == (b"one", b"one", None)


def test_a_key_used_again_finds_the_newer_value_and_the_older_is_found_by_its_others() -> None:
    table = kept()
    table.put([b"a", b"b"], b"one", 0)
    table.put([b"b"], b"two", 0)
    assert (table.get(b"a", 0), table.get(b"b", 0), len(table)) == (b"one", b"two", 2)
    assert table.size == sum(len(value) + OVERHEAD + 1 for value in (b"one", b"two"))
    table.put([b"a"], b"three", 0)
    assert (table.get(b"a", 0), len(table)) == (b"three", 2), "by none it is gone"


def test_the_least_recently_used_goes_first() -> None:
    table = kept(entries=2)
    table.put([b"a"], TEN, 0)
    table.put([b"b"], TEN, 0)
    assert table.get(b"a", 0) == TEN
    table.put([b"c"], TEN, 0)
    assert (table.get(b"a", 0), table.get(b"b", 0)) == (TEN, None)


def test_a_value_larger_than_all_is_not_kept_and_pushes_nothing_out() -> None:
    table = kept(entries=1)
    table.put([b"a"], TEN, 0)
    assert not table.put([b"a"], TEN * 100, 0)
    assert table.get(b"a", 0) == TEN


def test_what_is_old_is_not_found_and_let_go() -> None:
    table = kept(age=60)
    table.put([b"a"], TEN, 0)
    table.put([b"b"], TEN, 50)
    assert (table.get(b"a", 60), table.get(b"a", 61)) == (TEN, None)
    table.put([b"c"], TEN, 50)
    table.expire(111)
    assert len(table) == 0 and table.size == 0


def test_expiry_leaves_what_is_young() -> None:
    table = kept(age=60)
    table.put([b"a"], TEN, 0)
    table.put([b"b"], TEN, 50)
    table.expire(100)
    assert (table.get(b"a", 100), table.get(b"b", 100)) == (None, TEN)


def test_discarding_says_whether_there_was_something() -> None:
    table = kept()
    table.put([b"a", b"b"], TEN, 0)
    assert table.discard(b"b") and not table.discard(b"a") and len(table) == 0


@given(steps=st.lists(st.one_of(PUT, GET, DISCARD), max_size=40), entries=st.integers(1, 3))
def test_the_bound_holds_and_the_books_balance(steps: list[tuple], entries: int) -> None:
    table, told = kept(entries), dict[bytes, bytes]()
    for what, keys, value in steps:
        if what == "put":
            if table.put(keys, value, 0):
                told.update(dict.fromkeys(keys, value))
        elif what == "get":
            assert table.get(keys, 0) in (None, told.get(keys))
        else:
            table.discard(keys)
            told.pop(keys, None)
        assert 0 <= table.size <= table.bounds.max_bytes
        assert (table.size == 0) == (len(table) == 0)
