"""Damage that files take on disks, in archives and by hand, drawn by hypothesis."""

from hypothesis import strategies as st

HEADER = 256
"""Bytes at the start, where damage does most: half of all blows hit there."""
TOKENS = (b'"', b"\n", b"\r", b",", b";", b"\0", b"\xff\xfe", b"../", b"nan", b"-1", b"\xe2\x80\xae", b"1e999", b"DICM")

_place = st.tuples(st.booleans(), st.floats(0, 1, exclude_max=True))
_blow = st.one_of(
    st.tuples(st.just("flip"), _place, st.binary(min_size=1, max_size=1)),
    st.tuples(st.just("overwrite"), _place, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), _place, st.one_of(st.binary(min_size=1, max_size=40), st.sampled_from(TOKENS))),
    st.tuples(st.just("zero"), _place, st.integers(1, 600).map(bytes)),
    st.tuples(st.just("remove"), _place, st.integers(1, 200).map(bytes)),
    st.tuples(st.just("cut"), _place, st.just(b"")),
)
_whole = st.tuples(st.just("replace"), st.just((True, 0.0)), st.binary(max_size=300))

Blows = list[tuple[str, tuple[bool, float], bytes]]

blows = st.one_of(
    st.lists(_blow, min_size=1, max_size=4), st.lists(_blow, min_size=1, max_size=1), _whole.map(lambda one: [one])
)
"""What is done to a file, in order."""


def damaged(content: bytes, done: Blows) -> bytes:
    """The bytes after it."""
    for kind, (early, share), data in done:
        at = int(share * (min(HEADER, len(content)) if early else len(content)))
        before, after = content[:at], content[at:]
        match kind:
            case "flip":
                content = before + bytes(byte ^ data[0] for byte in after[:1]) + after[1:]
            case "overwrite" | "zero":
                content = before + data[: len(after)] + after[len(data) :]
            case "insert":
                content = before + data + after
            case "remove":
                content = before + after[len(data) :]
            case "cut":
                content = before
            case _:
                content = data
    return content
