"""Values of the model are as good as frozen: equal by content, hashable, closed."""

import pytest

from bridge.transform.model import CacheMark, TextPart


def test_equal_content_is_an_equal_object_with_an_equal_hash() -> None:
    one, other = (
        TextPart("a", cache=CacheMark("5m"), where="x"),
        TextPart("a", cache=CacheMark("5m")),
    )
    assert one == other and hash(one) == hash(other)
    assert {one, other, TextPart("b")} == {one, TextPart("b")}


def test_there_are_no_fields_but_the_declared_ones() -> None:
    with pytest.raises(AttributeError):
        TextPart("a").other = 1  # type: ignore[attr-defined]
