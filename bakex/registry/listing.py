"""Lists that a registry gives in pages: tags, and what refers to a manifest.

Source: OCI distribution-spec v1.1, "Listing Tags", "Listing Referrers", RFC 8288 for Link headers.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

from bakex.errors import RegistryError
from bakex.registry.errors import refused
from bakex.registry.request import Request
from bakex.registry.tokens import pull
from bakex.registry.urls import check_peer, join, origin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from bakex.registry.errors import Answer
    from bakex.registry.site import Site
    from bakex.registry.transport import Transport

_NEXT = re.compile(r'<([^>]*)>\s*((?:;\s*[^,;=\s]+\s*=\s*(?:"[^"]*"|[^,;]*)\s*)*)')
_REL = re.compile(r';\s*rel\s*=\s*"?next"?\s*(?:;|$)', re.IGNORECASE)
_MOST_PAGES = 10_000
_LIMIT = 4 << 20


async def pages(
    transport: Transport, site: Site, path: str, target: str, *, accept: str = "application/json"
) -> AsyncGenerator[tuple[Answer, Mapping[str, object]], None]:
    """Yield every page of a list: the answer, and the JSON object in it.

    Args:
        transport: Sends the requests.
        site: The host.
        path: The repository.
        target: The first page, below ``/v2/PATH/``.
        accept: The media type to ask for.

    Raises:
        RegistryError: Refused, failed, no JSON object, or a list that never ends.
    """
    place = f"{site.host}/{path}"
    url, seen = f"/v2/{path}/{target}", set[str]()
    while url:
        if url in seen or len(seen) >= _MOST_PAGES:
            raise RegistryError(f"cannot list what is in {place}: the list never ends")
        seen.add(url)
        request = Request(
            method="GET",
            target=url,
            action="list what is in",
            place=place,
            scopes=frozenset({pull(path)}),
            headers={"Accept": accept},
            limit=_LIMIT,
        )
        answer = await transport.request(site, request)
        if answer.status != 200:
            raise refused(answer, "list what is in", place)
        yield answer, _object(answer, place)
        url = _next(answer, site)


def _object(answer: Answer, place: str) -> Mapping[str, object]:
    try:
        document: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise RegistryError(f"cannot list what is in {place}: the answer is no JSON object")
    return cast("Mapping[str, object]", document)


def _next(answer: Answer, site: Site) -> str:
    for value in answer.headers.get_list("link"):
        for match in _NEXT.finditer(value):
            if _REL.search(match[2]):
                url = join(answer.url, match[1], site.base, "link to more")
                # A list is of one registry: whoever else is named would get a request for nothing.
                check_peer(url, site.base, "link to more")
                return url if origin(url) == origin(site.base) else ""
    return ""
