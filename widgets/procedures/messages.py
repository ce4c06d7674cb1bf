"""What the Procedures pane asks for. Whoever hears it does it through console.engine.procedures.guide."""

from __future__ import annotations

from collections.abc import Mapping

from textual.message import Message


class StartWanted(Message, namespace="procedures_pane"):
    """A new session of this procedure, with values that are known already."""

    def __init__(self, name: str, values: Mapping[str, str]) -> None:
        super().__init__()
        self.name, self.values = name, dict(values)


class ReadWanted(Message, namespace="procedures_pane"):
    """All steps of this procedure, to be read."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class OpenWanted(Message, namespace="procedures_pane"):
    """Go on with this session, or look at it."""

    def __init__(self, session: str) -> None:
        super().__init__()
        self.session = session


class ActWanted(Message, namespace="procedures_pane"):
    """Something is to be done in the session that is shown. what: do | look | tick | choose | value | note | skip |
    override | back | hand-over | abandon | report | evidence | leave; text: the branch, the value."""

    def __init__(self, what: str, text: str = "") -> None:
        super().__init__()
        self.what, self.text = what, text


class OffersWanted(Message, namespace="procedures_pane"):
    """What the current step can be answered with, `text` being typed so far; `show_offers` takes it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
