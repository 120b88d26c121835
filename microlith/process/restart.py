"""When a domain that died is started again: at once, then with doubling delay, at last no more."""

from collections import deque
from typing import Any

FIRST_DELAY_S = 0.1
INTENSITY, PERIOD_S = 5, 30.0


class Restart:
    """The policy of one domain.

    permanent: always again; transient: only after a failure; temporary: never.  More than `intensity`
    deaths within `period_s` seconds and it is given up (the words are Erlang/OTP's).
    """

    def __init__(self, settings: dict[str, Any], policy: str = "permanent") -> None:
        self.policy = str(settings.get("policy", policy))
        self.intensity = int(settings.get("intensity", INTENSITY))
        self.period_s = float(settings.get("period_s", PERIOD_S))
        self._deaths: deque[float] = deque()

    def delay(self, now: float, failed: bool = True) -> float | None:
        """Seconds until the next start after a death at `now` (seconds), or None: give it up."""
        if self.policy == "temporary" or (self.policy == "transient" and not failed):
            return None
        while self._deaths and self._deaths[0] < now - self.period_s:
            self._deaths.popleft()
        self._deaths.append(now)
        count = len(self._deaths)
        if count > self.intensity:
            return None
        return 0.0 if count == 1 or self.intensity > 1000 else FIRST_DELAY_S * 2.0 ** (count - 2)
