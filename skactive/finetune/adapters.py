"""LoRA and IA3 adapters from the peft library: small trainable parts of a frozen model."""

from typing import Any

import torch

from skactive._utils.optional_imports import require

_RANK = 8


def add_adapters(tower: torch.nn.Module, mode: str) -> Any:
    """Freeze a tower and add adapters to its linear layers.

    "lora" adds a low-rank matrix, the product of two trained matrices, to the weights of each
    layer [1]_. "ia3" multiplies each output of each layer by a trained factor. Unlike here, [2]_
    scales neither the queries of the attention nor the second layer of a feed-forward block.

    Parameters
    ----------
    tower : torch.nn.Module
        Changed in place.
    mode : {"lora", "ia3"}
        Type of the adapters.

    Returns
    -------
    adapted : peft.PeftModel
        ``adapted.merge_and_unload()`` adds the adapters to the weights of the layers.

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
    """Names of the linear layers, without those inside torch's attention.

    torch.nn.MultiheadAttention reads the weights of its layers and does not call their forward, so
    that an adapter there would have no effect.
    """
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
