"""What a file is, by the little that OpenAI's protocols tell: data URLs, bare base64, file names.

Hard part: clients leave out whatever servers do without, so the first characters of the content
often decide.
"""

from .model import Base64Source, Source, UrlSource

# How base64 begins, and what file names end in -> media type, where nothing else tells it.
BEGINNINGS: dict[str, str] = {
    "JVBER": "application/pdf",
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
ENDINGS: dict[str, str] = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".html": "text/html",
}
UNKNOWN_TYPE = "application/octet-stream"


def media_type(data: str, name: str | None = None) -> str:
    """The type of base64 `data` in a file called `name`."""
    begun = (kind for start, kind in BEGINNINGS.items() if data.startswith(start))
    named = (kind for end, kind in ENDINGS.items() if (name or "").lower().endswith(end))
    return next(begun, None) or next(named, UNKNOWN_TYPE)


def file_source(data: str, name: str | None = None) -> Base64Source:
    """`data` as a data URL or bare base64."""
    return data_source(data) or Base64Source(media_type(data, name), data)


def url_source(url: str) -> Source:
    """`url` as it is, or the content it holds."""
    if source := data_source(url):
        return source
    if "://" not in url[:16] and (kind := media_type(url)) != UNKNOWN_TYPE:
        return Base64Source(kind, url)  # Perplexity takes base64 without a head
    return UrlSource(url)


def data_source(url: str) -> Base64Source | None:
    """The content of `data:image/png;base64,...`; None for other URLs."""
    if not url[:5].lower() == "data:":
        return None
    head, comma, data = url[5:].partition(",")
    kind, _, encoding = head.rpartition(";")
    if not comma or encoding.strip().lower() != "base64":
        return None
    return Base64Source(kind.partition(";")[0].strip() or UNKNOWN_TYPE, data)


def default_name(media_type: str) -> str:
    """How to call a file that has no name: its ending is all that a reader needs."""
    endings = (end for end, kind in ENDINGS.items() if kind == media_type)
    return "document" + next(endings, "")


def data_url(source: Base64Source) -> str:
    return f"data:{source.media_type};base64,{source.data}"
