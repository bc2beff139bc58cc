"""Whether something has changed that a page shows, for pages that wait for it."""

import asyncio

PATIENCE = 25.0  # seconds that one waits
MAX_WAITING = 100  # more do not wait


class News:
    """Counts what has changed, and wakes those who wait for that."""

    def __init__(self) -> None:
        self.version = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        self.version += 1
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def since(self, version: int) -> int:
        """The version, once it is another one than `version`, or after a while."""
        if version == self.version and len(self._waiting) < MAX_WAITING:
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                async with asyncio.timeout(PATIENCE):
                    await future
            except TimeoutError:
                pass
            finally:
                self._waiting.discard(future)
        return self.version
