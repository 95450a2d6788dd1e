"""The conditions of a list that is filtered: only those asked for stand in the statement, so that each finds its index."""


class Conditions:
    """Grows a WHERE clause and its arguments."""

    def __init__(self, condition: str, *values: object) -> None:
        """Begins with a condition in which {} stands for each value."""
        self._conditions: list[str] = []
        self.args: list[object] = []
        self.add(condition, *values)

    def add(self, condition: str, *values: object) -> None:
        first = len(self.args) + 1
        self._conditions.append(condition.format(*(f"${first + n}" for n in range(len(values)))))
        self.args.extend(values)

    @property
    def sql(self) -> str:
        return " AND ".join(self._conditions)
