"""The torch device that computations use."""


def resolve_device(device: str, *, double: bool = False) -> str:
    """Resolve a `device` parameter: "auto" prefers CUDA, then MPS, then the CPU.

    Parameters
    ----------
    device : str
        "auto", or the name of a torch device.
    double : bool, default=False
        Whether the computation needs double precision. MPS does not support it, so "auto" skips
        MPS then.

    Returns
    -------
    device : str
        Name of a torch device that this machine has.

    Raises
    ------
    ValueError
        If the device is unknown to torch or missing on this machine.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() and not double else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here ({str(error).splitlines()[0]}). "
            "Give 'auto', 'cpu', or a device of this machine such as 'cuda:0'."
        ) from error
    return device
