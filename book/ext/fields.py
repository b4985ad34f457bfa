"""A field to write in, which comes into its page after the page itself.

What fills in forms asks where each field stands as soon as the page has been read, and so the browser would lay out
what waits below the screen (``book.css``): on a slow phone that takes a tenth of a second and more before the first
figure lives. So a field has its place in the page, and ``book/static/late.js`` puts it there when its section comes.
"""

from __future__ import annotations


def later(field: str, *, wide: bool = False) -> str:
    """Return the place of a field that comes with its section.

    >>> later("<select></select>", wide=True)
    '<pr-field class="pr-wide"><template><select></select></template></pr-field>'
    """
    attributes = ' class="pr-wide"' if wide else ""
    return f"<pr-field{attributes}><template>{field}</template></pr-field>"
