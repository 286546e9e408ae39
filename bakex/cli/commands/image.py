"""`bakex image`, whose commands are in `bakex.cli.images`."""

from collections.abc import Mapping
from types import MappingProxyType

from bakex.cli.lazy import LazyGroup, plain

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "verify": "Check that everything below the images is there, and right.",
        "inspect": "Show the images with platforms, layers and labels, as JSON.",
        "copy": "Copy an image with all of its platforms; what is there already does not move.",
        "promote": "Give an image tags, anywhere, with all that belongs to it: all move or none.",
        "tag": "Give an image more names, in its repository or in others.",
        "ls": "List the tags of a repository, or the names in a layout.",
        "diff": "Show how two images differ: platforms, configs, layers, files.",
        "rm": "Remove tags and nothing else; or, by digest, manifests that have no tag.",
        "gc": "Remove what no tag, no index and no referrer leads to; tells only, unless --apply.",
    }
)


class _Group(LazyGroup):
    lazy = COMMANDS
    package = "bakex.cli.images"


app = plain(cls=_Group)


@app.callback()
def image() -> None:
    """Look at, check, compare, copy, tag and remove images in registries and OCI layouts.

    Indexes of several platforms stay whole.
    """
