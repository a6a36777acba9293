"""Whether encoder and prior are still those that the labels were learned with."""

from typing import NamedTuple


class Fingerprints(NamedTuple):
    """What stored labels depend on.

    Attributes
    ----------
    representation : str
        Of the leading Pipeline steps that need no fit.
    prior : str
        Of the prior.
    """

    representation: str
    prior: str

    def check(self, now: "Fingerprints") -> None:
        """Refuse a call after the representation or the prior was changed.

        Parameters
        ----------
        now : Fingerprints
            Those of the call.

        Raises
        ------
        ValueError
            If one of them differs.
        """
        if self.representation != now.representation:
            raise ValueError(
                "The leading steps of estimator, which give the representation (an encoder, for "
                "example), were changed after labels were given. The labels are stored with their "
                "earlier representation. Restore these steps, or call fit with all labeled rows."
            )
        if self.prior != now.prior:
            raise ValueError(
                "prior was changed after labels were given: its class, parameters (prompts, for "
                "example) or fitted state differ. The labels are stored with its earlier "
                "predictions. Restore it, or call fit again with all labeled rows."
            )
