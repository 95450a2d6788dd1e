"""The same work again and again, by one or by many at once, for a bounded time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Phase:
    """What was done in some stretches of time: latencies and `cpu` in seconds, `cpu` of the process that is judged."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds for each."""
        return self.cpu / len(self.latencies) * 1000

    def quantile_ms(self, part: float) -> float:
        """Milliseconds that this part of all stayed within."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000


async def run(phase: Phase, workers: Sequence[Callable[[], Awaitable[object]]], seconds: float, cpu: "Clock") -> None:
    """Adds a stretch to the phase: each worker does its work one after the other until the time is over."""
    began, cpu_began = time.perf_counter(), cpu()
    ends = began + seconds

    async def work(act: Callable[[], Awaitable[object]]) -> None:
        while (start := time.perf_counter()) < ends:
            await act()
            phase.latencies.append(time.perf_counter() - start)

    await asyncio.gather(*(work(act) for act in workers))
    phase.seconds += time.perf_counter() - began
    phase.cpu += cpu() - cpu_began


Clock = Callable[[], float]
