"""The cache: bounded, and what is asked for stays."""

from ingest.logs.cache import ENTRY, MOST_KEY, Cache


def test_what_is_asked_for_stays_and_the_rest_goes() -> None:
    """Two generations: an entry that is asked for moves to the new one."""
    cache = Cache(most=10 * (ENTRY + 4))
    cache[b"kept"] = 7
    for at in range(100):
        cache[b"%04d" % at] = at
        assert cache.get(b"kept") == 7
    assert cache.get(b"0001") is None
    assert len(cache) <= 20


def test_many_keys_are_looked_up_in_both_generations() -> None:
    """In their order, None where nothing is known."""
    cache = Cache(most=2 * (ENTRY + 1))
    for key in (b"a", b"b", b"c"):
        cache[key] = ord(key)
    assert cache.many([b"c", b"x", b"a"]) == [99, None, 97]


def test_long_keys_are_not_kept() -> None:
    """A dump of megabytes is not worth its memory."""
    cache = Cache()
    cache[b"x" * (MOST_KEY + 1)] = 1
    assert len(cache) == 0


def test_a_removed_key_is_gone_from_both_generations() -> None:
    """It told two templates."""
    cache = Cache(most=2 * (ENTRY + 1))
    for key in (b"a", b"b", b"c"):
        cache[key] = 1
    del cache[b"a"]
    del cache[b"c"]
    assert [b"a" in cache, b"b" in cache, b"c" in cache] == [False, True, False]


def test_entries_are_renamed_in_both_generations() -> None:
    """A template that is another now."""
    cache = Cache(most=2 * (ENTRY + 1))
    for key in (b"a", b"b", b"c"):
        cache[key] = 2
    cache.rename({2: 1})
    assert cache.many([b"a", b"b", b"c"]) == [1, 1, 1]
