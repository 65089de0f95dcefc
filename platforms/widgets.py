"""What the console's fields for platforms are entered in."""

import json
from typing import Any

from typing_extensions import override
from unfold.widgets import UnfoldAdminTextareaWidget

_UNSPELT = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}


class JsonArea(UnfoldAdminTextareaWidget):  # type: ignore[misc] # unfold has no types
    """JSON in a monospace field, one member a line; what was refused stays as it was typed."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "tk-json", "rows": 3, **_UNSPELT, **(attrs or {})})

    @override
    def format_value(self, value: Any) -> str:
        text = "" if value is None else str(value)
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return text
