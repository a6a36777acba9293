"""Where computations run."""


def resolve_device(device: str, *, double: bool = False) -> str:
    """The device that is meant: "auto" takes CUDA, then MPS, then the CPU.

    Parameters
    ----------
    device : str
        "auto", or a torch device.
    double : bool, default=False
        Whether double precision is needed, which MPS does not have: "auto" passes it over.

    Returns
    -------
    device : str
        A torch device of this machine.

    Raises
    ------
    ValueError
        If torch does not know the device, or this machine does not have it.
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
