"""Reasoning that stands in the content as `<think>…</think>`, told apart from what is said. Pure.

Only at the beginning: later on a tag is what the model talks about. Source: wire notes platforms
(MiniMax; engines that run open models without a reasoning parser).
"""

_BEGIN, _END = "<think>", "</think>"


class Thinking:
    """One choice's content as it comes, its tags cut anywhere."""

    def __init__(self) -> None:
        self._state = "before"
        self._held = ""
        """What may be the beginning of a tag."""

    def feed(self, text: str) -> tuple[str, str]:
        """Reasoning and content that this piece adds."""
        if self._state == "after":
            return "", text
        text, self._held = self._held + text, ""
        if self._state == "before":
            start = text.lstrip()
            if len(start) < len(_BEGIN) and _BEGIN.startswith(start):
                self._held = text
                return "", ""
            if not start.startswith(_BEGIN):
                self._state = "after"
                return "", text
            self._state = "within"
            text = start[len(_BEGIN) :]
        if self._state == "within":
            return self._within(text)
        return "", self._first(text)

    def end(self) -> tuple[str, str]:
        """What was held back and is no tag after all; a tag that is not closed is reasoning."""
        held, self._held = self._held, ""
        return (held, "") if self._state == "within" else ("", held)

    def _within(self, text: str) -> tuple[str, str]:
        thought, found, said = text.partition(_END)
        if found:
            self._state = "closed"
            return thought, self._first(said)
        for size in range(min(len(_END) - 1, len(text)), 0, -1):
            if _END.startswith(text[-size:]):
                self._held = text[-size:]
                return text[:-size], ""
        return text, ""

    def _first(self, text: str) -> str:
        """What is said after the reasoning, without the empty lines between."""
        text = text.lstrip("\n")
        if text:
            self._state = "after"
        return text
