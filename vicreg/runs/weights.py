"""Write and read a run's weights: safetensors only, and exactly the tensors of its networks. Files are not trusted.

The file's header is compared with the networks of the config before any tensor is allocated.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.storage.untrusted import shown

if TYPE_CHECKING:
    from torch import Tensor, nn


def read_weights(path: Path, wanted: Mapping[str, Tensor], *, part: str) -> dict[str, Tensor]:
    """The state dict of one network, `encoder` or `expander`, from a safetensors file; floats become float32.

    The file's names are `<part>.<name>`. wanted: the expected tensors of all networks by these names, on any device,
    including `meta`. Raises ValueError about the first tensor that is missing, unexpected, of another shape or type, or
    not finite, and for negative variances.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    kinds = {True: ("F16", "F32"), False: ("I64",)}  # key: whether the tensor is floating point
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name, tensor in wanted.items():
                if name not in names:
                    raise ValueError(f"tensor {name} is missing")
                entry = file.get_slice(name)
                shape, kind = tuple(entry.get_shape()), entry.get_dtype()
                if shape != tuple(tensor.shape):
                    raise ValueError(f"{name} has shape {shape}, not {tuple(tensor.shape)}")
                if kind not in kinds[tensor.is_floating_point()]:
                    raise ValueError(f"{name} has type {kind}, not {' or '.join(kinds[tensor.is_floating_point()])}")
            unknown = sorted(names - set(wanted))
            if unknown:
                raise ValueError(f"it contains an unexpected tensor {shown(unknown[0])}")
            found = {name: file.get_tensor(name) for name in wanted if name.startswith(f"{part}.")}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"it cannot be read: {shown(str(error))}") from error
    for name, tensor in found.items():
        if tensor.is_floating_point():
            if not torch.isfinite(tensor).all():
                raise ValueError(f"{name} contains values that are not finite")
            if name.endswith("running_var") and (tensor < 0).any():
                raise ValueError(f"{name} contains negative variances")
    return {name.removeprefix(f"{part}."): t.float() if t.is_floating_point() else t for name, t in found.items()}


def weights_bytes(encoder: nn.Module, expander: nn.Module) -> bytes:
    """Both networks as safetensors: matrices and convolutions in float16, the rest (BatchNorm) in float32."""
    from safetensors.torch import save

    tensors = {}
    for prefix, network in (("encoder.", encoder), ("expander.", expander)):
        for name, tensor in network.state_dict().items():
            tensor = tensor.detach().cpu().contiguous()
            if tensor.is_floating_point():
                tensor = tensor.half() if tensor.ndim > 1 else tensor.float()
            tensors[prefix + name] = tensor
    return save(tensors)
