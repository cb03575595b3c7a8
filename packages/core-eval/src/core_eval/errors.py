"""The one exception for bad input."""

from __future__ import annotations

from pathlib import Path


class InputError(ValueError):
    """Something given to us is missing, malformed or contradictory.

    The message names what is known of the place: file, sample and field. The command line prints it as one line and
    exits with code 2; library users catch it like any `ValueError`.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        sample: str | None = None,
        field: str | None = None,
    ) -> None:
        self.message, self.file, self.sample, self.field = message, file, sample, field
        places = (("file", file), ("sample", sample), ("field", field))
        where = ", ".join(f"{word} {place}" for word, place in places if place is not None)
        super().__init__(f"{message} ({where})" if where else message)


class NotMeasurableError(InputError):
    """A metric needs the output of an external network, and nobody supplied it: the cell is "not measurable"."""
