"""
The one door to the site's settings: ``D7VERIFY``, one dict, typed, never cached.

Every upper-case property of ``Settings`` is a key of that dict; its docstring is the README's
row. ``checks`` walks the same properties, so an unknown key or a wrong type is named at start.
"""

from __future__ import annotations

from .keys import KEYS, PURPOSE_KEYS, Purpose, Settings

__all__ = ["KEYS", "PURPOSE_KEYS", "Purpose", "Settings", "conf"]

conf = Settings()
