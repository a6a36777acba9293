"""LabelBudget: how many labels of a stream may be asked for."""


class LabelBudget:
    """Counts the rows of a stream and the labels asked for, and refuses labels beyond the budget.

    Two limits hold after every row. Of all rows so far, at most ``fraction * n_seen + 1`` labels
    have been asked for. Of any `window` consecutive rows, at most ``fraction * window + 1``. So a
    budget that was not spent in quiet times may be spent later, but not within one window.

    Parameters
    ----------
    fraction : float
        Labels per row, between 0 and 1.
    window : int
        Number of consecutive rows.

    Attributes
    ----------
    n_seen, n_asked : int
        Number of rows, and of labels asked for.
    """

    def __init__(self, fraction: float, window: int) -> None:
        self.fraction = fraction
        self.window = window
        self.n_seen = 0
        self.n_asked = 0
        self._asked: list[int] = []  # rows of the window whose label was asked for

    def allows(self) -> bool:
        """Whether the label of the next row may be asked for.

        Returns
        -------
        allows : bool
        """
        while self._asked and self._asked[0] <= self.n_seen - self.window:
            del self._asked[0]
        in_all = self.n_asked < self.fraction * (self.n_seen + 1)
        return in_all and len(self._asked) < self.fraction * self.window

    def record(self, asked: bool) -> None:
        """Count the next row.

        Parameters
        ----------
        asked : bool
            Whether its label is asked for.
        """
        if asked:
            self._asked.append(self.n_seen)
            self.n_asked += 1
        self.n_seen += 1
