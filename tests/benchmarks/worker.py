"""What `bench_conv.py` starts once for each variant: reads a number of steps, runs
them, and prints their milliseconds as JSON."""

import json
import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rawkit import open_patches
from rawkit.training.batches import PairBatches

# The U-Net, one line a layer.  "c" is a convolution of kernel k and stride s, "d" a
# depthwise one, "u" an up-sampling one; "a" a LeakyReLU(0.125); "(" keeps the value,
# ")" adds the kept one; "[" and "]" likewise, for the long skips.
UNET = """
c 4 32 k3
[ ( d 32 k3, c 32 64 k1, a, c 64 32 k1 )
  c 32 48 k2 s2
  [ ( d 48 k3, c 48 96 k1, a, c 96 48 k1 )
    ( d 48 k3, c 48 96 k1, a, c 96 48 k1 )
    c 48 64 k2 s2
    ( d 64 k3, c 64 128 k1, a, c 128 64 k1 )
    u 64 48 k2 s2
  ]
  ( d 48 k3, c 48 96 k1, a, c 96 48 k1 )
  u 48 32 k2 s2
]
( d 32 k3, c 32 64 k1, a, c 64 32 k1 )
c 32 4 k3
"""
BASELINE = ", a, ".join("c %d %d k3" % pair for pair in [(4, 50)] + 4 * [(50, 50)] + [(50, 4)])


def layers(network, make):
    """The listing as (sign, layer or None); `make` builds a layer from its numbers."""
    text = {"unet": UNET, "baseline": BASELINE}[network]
    found = []
    for words in re.sub(r"([][()])", r",\1,", text).replace("\n", ",").split(","):
        sign, *rest = words.split() or [""]
        if sign in ("c", "d", "u", "a"):
            sizes = [int(word) for word in rest if word.isdigit()]
            options = {word[0]: int(word[1:]) for word in rest if not word.isdigit()}
            found.append((sign, make(sign, sizes, options.get("k"), options.get("s", 1))))
        elif sign:
            found.append((sign, None))
    return found


def run_layers(found, x):
    kept = []
    for sign, layer in found:
        if sign in "([":
            kept.append(x)
        elif sign in ")]":
            x = x + kept.pop()
        else:
            x = layer(x)
    return x


def megengine_variant(variant, network):
    """(train step, predict), functions of batches of NumPy arrays."""
    import megengine as mge
    import megengine.functional as F
    import megengine.module as M

    from rawkit import conv
    from rawkit.bayer import pack_bayer, unpack_bayer
    from rawkit.training import l1_loss
    from rawkit.training.optimizer import FlatAdam

    stock = variant.startswith("stock")
    os.environ["RAWKIT_CONV"] = "native" if stock else "onednn"
    kinds = (M.Conv2d, M.ConvTranspose2d, M.LeakyReLU) if stock else None
    conv2d, up, act = kinds or (conv.Conv2d, conv.ConvTranspose2d, conv.LeakyReLU)

    def make(sign, sizes, k, s):
        if sign == "a":
            return act(0.125)
        if sign == "d":
            return conv2d(sizes[0], sizes[0], k, padding=k // 2, groups=sizes[0])
        if sign == "u":
            return up(*sizes, k, stride=s)
        return conv2d(*sizes, k, stride=s, padding=0 if s > 1 else k // 2)

    class Net(M.Module):
        def __init__(self):
            super().__init__()
            found = layers(network, make)
            self.signs = [sign for sign, _ in found]
            self.layers = [layer for _, layer in found if layer is not None]

        def _run(self, x):
            rest = iter(self.layers)
            return run_layers([(s, None if s in "()[]" else next(rest)) for s in self.signs], x)

        def forward(self, bayer):
            x = pack_bayer(bayer[:, 0])
            x = self._run(x) if stock else conv.fused(x, self._run)
            return unpack_bayer(x).reshape(bayer.shape)

    net = Net()
    gm = mge.autodiff.GradManager().attach(net.parameters())
    ours = FlatAdam(net.parameters())
    theirs = mge.optimizer.Adam(net.parameters(), lr=1e-4)

    def train(noisy, gt):
        with gm:
            pred, gt = net(mge.Tensor(noisy)), mge.Tensor(gt)
            loss = F.abs(pred - gt).mean() if stock else l1_loss(pred, gt)
            gm.backward(loss)
        if stock:
            theirs.step().clear_grad()
        else:
            ours.step(1e-4)
        net.parameters().__next__().numpy()  # wait: MegEngine works in the background
        return loss.item()

    return train, lambda noisy: net(mge.Tensor(noisy)).numpy()


def torch_variant(variant, network):
    """The same on PyTorch, float32."""
    import torch
    import torch.nn as nn

    order = torch.channels_last if "channels_last" in variant else torch.contiguous_format

    def make(sign, sizes, k, s):
        if sign == "a":
            return nn.LeakyReLU(0.125)
        if sign == "d":
            return nn.Conv2d(sizes[0], sizes[0], k, padding=k // 2, groups=sizes[0])
        if sign == "u":
            return nn.ConvTranspose2d(*sizes, k, stride=s)
        return nn.Conv2d(*sizes, k, stride=s, padding=0 if s > 1 else k // 2)

    found = layers(network, make)
    parts = nn.ModuleList(layer for _, layer in found if layer is not None)
    parts = parts.to(memory_format=order)
    adam = torch.optim.Adam(parts.parameters(), lr=1e-4, fused=True)

    def forward(noisy):
        x = nn.functional.pixel_unshuffle(torch.from_numpy(noisy), 2)
        x = run_layers(found, x.contiguous(memory_format=order))
        return nn.functional.pixel_shuffle(x, 2)

    def train(noisy, gt):
        loss = (forward(noisy) - torch.from_numpy(gt)).abs().mean()
        loss.backward()
        adam.step()
        adam.zero_grad()
        return loss.item()

    def predict(noisy):
        with torch.inference_mode():
            return forward(noisy).numpy()

    return train, predict


def anonymous_mib():
    """Anonymous memory of this process, MiB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))


def vary_crops(folder, steps):
    """Train on crops of changing size; anonymous memory at some steps, in MiB."""
    anonymous_mib.first = anonymous_mib()
    train, _ = megengine_variant("rawkit, onednn", "unet")
    pairs = [open_patches(Path(folder) / name) for name in ("noisy.bin", "gt.bin")]
    feeds = [iter(PairBatches(*pairs, 8, crop, views=True)) for crop in range(48, 129, 8)]
    found = {}
    for step in range(1, steps + 1):
        train(*next(feeds[step * 7 % len(feeds)]))
        if step % (steps // 10) == 0:
            found[step] = round(anonymous_mib(), 1)
    return found


def main():
    variant, task, network, batch, crop, folder = sys.argv[1:]
    pairs = [open_patches(Path(folder) / name) for name in ("noisy.bin", "gt.bin")]
    batches = PairBatches(*pairs, int(batch), int(crop), views=True)
    make = torch_variant if variant.startswith("PyTorch") else megengine_variant
    train, predict = make(variant, network)
    noisy, _ = next(batches)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            began = time.perf_counter()
            if task == "training":
                train(*next(batches))
            else:
                predict(noisy)
            times.append(1000 * (time.perf_counter() - began))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
