"""Parameters of the skorch net inside an estimator, set and read by name."""

from typing import Any

from sklearn.base import BaseEstimator

_PREFIXES = ("module__", "optimizer", "criterion__", "iterator_", "callbacks", "lr", "batch_")


class NetParamsEstimator(BaseEstimator):
    """An estimator that stores the parameters of its skorch net as attributes."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, with the parameters of the skorch net that were set.

        Parameters
        ----------
        deep : bool, default=True
            Not used, present for API consistency: there are no nested estimators.

        Returns
        -------
        params : dict
            Name to value.
        """
        return super().get_params(deep=deep) | self._net_params()

    def set_params(self, **params: Any) -> "NetParamsEstimator":
        """Set parameters by name, also parameters of the skorch net.

        Parameters
        ----------
        **params
            Name to value.

        Returns
        -------
        self : estimator
            The estimator.
        """
        for name in [name for name in params if name.startswith(_PREFIXES)]:
            setattr(self, name, params.pop(name))
        return super().set_params(**params)

    def _net_params(self) -> dict[str, Any]:
        own = self._get_param_names()
        return {
            name: value
            for name, value in vars(self).items()
            if name not in own and not name.startswith("_") and not name.endswith("_")
        }

    def _check_net_params(self) -> None:
        for name in self._net_params():
            if not name.startswith(_PREFIXES):
                raise TypeError(
                    f"{type(self).__name__} has no parameter {name!r}. Parameters of the skorch "
                    f"net begin with one of: {', '.join(_PREFIXES)}."
                )
