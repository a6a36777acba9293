"""Small trainable parts in place of the whole model, through the peft library."""

from typing import Any

import torch

from skactive._utils.optional_imports import require

_RANK = 8


def add_adapters(tower: torch.nn.Module, mode: str) -> Any:
    """Freeze a tower and put adapters at its linear layers.

    "lora" adds a product of two thin matrices to each layer's [1]_; "ia3" gives a factor to each
    of its outputs, which is where [2]_ puts them but for the attention's queries and the second
    layer of a feed-forward block.

    Parameters
    ----------
    tower : torch.nn.Module
        Changed in place.
    mode : {"lora", "ia3"}
        Which adapters.

    Returns
    -------
    adapted : peft.PeftModel
        ``adapted.merge_and_unload()`` writes what was learned into the weights of the layers.

    References
    ----------
    .. [1] E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
    .. [2] H. Liu et al., "Few-shot parameter-efficient fine-tuning is better and cheaper than
       in-context learning", NeurIPS 2022.
    """
    peft = require("peft")
    layers = _linear_layers(tower)
    if mode == "lora":
        config = peft.LoraConfig(r=_RANK, lora_alpha=2 * _RANK, target_modules=layers)
    else:
        config = peft.IA3Config(target_modules=layers, feedforward_modules=[])
    return peft.get_peft_model(tower, config)


def _linear_layers(tower: torch.nn.Module) -> list[str]:
    """Names of those whose own forward is called: torch's attention reads its layer's weights."""
    attentions = [
        f"{name}."
        for name, module in tower.named_modules()
        if isinstance(module, torch.nn.MultiheadAttention)
    ]
    return [
        name
        for name, module in tower.named_modules()
        if isinstance(module, torch.nn.Linear) and not name.startswith(tuple(attentions))
    ]
