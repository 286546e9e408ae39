"""Uses a package that has compiled code in it."""

import platform

from markupsafe import escape

print(f"{escape('<hello>')} from {platform.machine()}")
