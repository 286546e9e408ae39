"""Images that were found somewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from bakex.oci.layout import OciLayout
from bakex.oci.referrers import LayoutReferrers

if TYPE_CHECKING:
    from bakex.interfaces import ContentSource, Referring, Store
    from bakex.model.descriptor import Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An image that was found.

    Attributes:
        name: What it was asked for as, or the name that a layout lists it under.
        store: Where it is: a repository or a layout.
        reader: Where to read it: there, or in its mirrors.
    """

    name: str
    root: Descriptor
    store: Store = field(repr=False)
    reader: ContentSource = field(repr=False)

    @classmethod
    def in_layout(cls, layout: OciLayout, root: Descriptor, name: str) -> Located:
        """Return an image of a layout."""
        return cls(name=name, root=root, store=layout, reader=layout)

    @property
    def referring(self) -> Referring:
        """Where to ask what refers to it."""
        if isinstance(self.store, OciLayout):
            return LayoutReferrers(self.store)
        return cast("Referring", self.store)
