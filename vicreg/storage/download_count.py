"""The progress of a download, counted in place of the progress bar of the Hub's client, and limited in size."""

from __future__ import annotations

from vicreg.storage.hub_errors import Cancelled, HubError

RESTARTS = 3  # how often an interrupted download may restart


class Count:
    """What a download has brought so far; shared by its two threads."""

    def __init__(self, what: str, max_bytes: int) -> None:
        self.what, self.max_bytes = what, max_bytes
        self.done, self.total, self.restarts, self.stopped = 0, max_bytes, 0, False

    def check(self, size: int) -> None:
        if self.stopped:
            raise Cancelled(f"stopped while {self.what} was coming")
        if size > self.max_bytes:
            raise HubError(
                f"{self.what} is larger than it should be (more than {self.max_bytes:,} bytes), so it was not fetched; "
                "choose another revision, or ask the owner to publish it again."
            )
        if self.restarts > RESTARTS:
            raise HubError(f"{self.what} was interrupted several times: try again later.")


class UndrawnBar:
    """What the client takes for a tqdm bar. It counts and draws nothing; the client hands it tqdm's many options."""

    counted: Count

    def __init__(self, total: int | None = None, **_: object) -> None:
        self.total, self.n = total, 0
        self.counted.check(total or 0)
        if total is not None:
            self.counted.total = total

    def __enter__(self) -> UndrawnBar:
        return self

    def __exit__(self, *exception: object) -> None: ...

    def update(self, n: int = 1) -> None:
        self.n += n  # less than before where a body that was cut off begins anew
        self.counted.restarts += n < 0
        self.counted.done = self.n
        self.counted.check(self.n)

    # Xet files report their transfer apart from what is written; having these, the client makes one bar and not two.
    def update_transfer(self, n: int = 1) -> None: ...
    def set_postfix_str(self, text: str, refresh: bool = False) -> None: ...
    def set_transfer_postfix_str(self, text: str, refresh: bool = False) -> None: ...
    def refresh(self) -> None: ...
    def close(self) -> None: ...
