"""Downsampling to a smallest side of 256 and encoding, beside chains of Pillow and of torchvision."""

import io
import os
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_image, encode_jpeg
from torchvision.transforms import v2

from benchmarks.measure import medians
from benchmarks.pictures import photographs
from overfeat.images.downsample import store_image

SIDE, QUALITY = 256, 95
NO_BOXES = np.zeros((0, 4), np.float32)
_RESIZE = v2.Resize(SIDE, antialias=True)


def ours(pictures: list[bytes]) -> int:
    """Store every picture as the stage does."""
    return sum(len(store_image(data, NO_BOXES, SIDE, QUALITY).jpeg) for data in pictures)


def torchvision_chain(pictures: list[bytes]) -> int:
    """Decode, resize and encode with torchvision's public parts."""
    total = 0
    for data in pictures:
        image = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
        total += len(encode_jpeg(_RESIZE(image), quality=QUALITY))
    return total


def pillow_chain(pictures: list[bytes]) -> int:
    """Decode, resize and encode with Pillow."""
    total = 0
    for data in pictures:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        factor = SIDE / min(image.size)
        size = (round(image.width * factor), round(image.height * factor))
        buffer = io.BytesIO()
        image.resize(size, Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=QUALITY)
        total += buffer.tell()
    return total


def _one_thread() -> None:
    torch.set_num_threads(1)


def run(arguments: Namespace) -> dict[str, Any]:
    """Time the chains on one processor, and ours on all of them."""
    pictures = photographs(arguments.pictures)
    processors = len(os.sched_getaffinity(0))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    chains = {"ours": ours, "torchvision": torchvision_chain, "pillow": pillow_chain}
    pieces = [pictures[i : i + 20] for i in range(0, len(pictures), 20)] * processors
    with ProcessPoolExecutor(processors, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        sides = {name: (lambda chain=chain: chain(pictures)) for name, chain in chains.items()}
        seconds = medians(sides | {"all": lambda: list(pool.map(ours, pieces))}, arguments.rounds)
    torch.set_num_threads(threads)
    speed = {name: len(pictures) / seconds[name] for name in chains}
    together = processors * len(pictures) / seconds["all"]
    return {
        "pictures": len(pictures),
        **{f"{name}_pictures_per_second_per_core": round(value, 1) for name, value in speed.items()},
        "times_torchvision": round(speed["ours"] / speed["torchvision"], 3),
        "times_pillow": round(speed["ours"] / speed["pillow"], 3),
        "all_cores_pictures_per_second": round(together, 1),
        "scaling_efficiency": round(together / processors / speed["ours"], 3),
    }
