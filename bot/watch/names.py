"""What people type to speak of a card, such as `shop-12`. Pure; whether there is such a card, the board knows."""


def name_of(key: str) -> str:
    """Return a card's name by its key: `shop-12` for `story:shop:12`, empty for a group, of which nobody speaks."""
    kind, _, rest = key.partition(":")
    match kind:
        case "story":
            stream, _, number = rest.rpartition(":")
            return f"{stream}-{number}"
        case "source":
            return f"source-{stream_of(key)}"
        case "alert":
            return f"alert-{rest.rsplit(':', 2)[-2][:6]}"
        case _:
            return ""


def stream_of(key: str) -> str:
    """Return the stream that the key of a story or of a source names: `shop` for `source:shop:1763600000`."""
    return key.partition(":")[2].rpartition(":")[0]
