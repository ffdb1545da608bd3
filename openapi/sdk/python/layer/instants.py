"""Instants as the contract has them: RFC 3339 with a zone, answered with no more than microseconds."""

import re
from datetime import datetime, timezone

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)


def instant_text(instant: datetime) -> str:
    """The instant as it is sent, in UTC. One without a zone is a ValueError: which it is nobody can know."""
    if instant.utcoffset() is None:
        raise ValueError("an instant needs a zone: datetime.now(timezone.utc), not datetime.now()")
    return instant.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """The instant that a server's text names, cut to the microsecond. ValueError when it names none."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 instant with a zone")
    seconds, fraction, zone = match.groups()
    # Python 3.10 knows neither Z nor fractions of other than three or six digits.
    return datetime.fromisoformat(f"{seconds}.{(fraction or '')[:6]:0<6}{'+00:00' if zone == 'Z' else zone}")
