"""Record data/ablations.csv: all rows of notebook 04, and those of the suite's first U-Net.

Takes hours of one core; called again it goes on where it was.  RAWKIT_DATA names the folder of

    python -m rawkit synth FOLDER --train 4096 --test 64 --seed 31

and RAWKIT_OUTPUTS a folder for the checkpoints.
"""

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import nbformat

from rawkit.cli.pages import NOTEBOOKS, execute
from rawkit.places import ROOT, outputs_folder

# The U-Net of BlindUNet, one choice made another way.  It becomes a cell of the notebook.
UNETS = '''
from rawkit.conv import Conv2d, ConvTranspose2d, LeakyReLU, fused
from rawkit.nn.networks import Block


class DenseBlock(M.Module):
    """A residual block: two full 3x3 layers."""

    def __init__(self, channels):
        super().__init__()
        self.first = Conv2d(channels, channels, 3, padding=1)
        self.act = LeakyReLU(0.125)
        self.second = Conv2d(channels, channels, 3, padding=1)
        M.init.zeros_(self.second.weight)

    def forward(self, x):
        return x + self.second(self.act(self.first(x)))


class Variant(nn.Stabilized):
    def __init__(self, widths=(32, 48, 64), block=Block, light=True, zeros=True):
        super().__init__()
        self.light, steps = light, list(zip(widths, widths[1:]))
        self.entry = Conv2d(4 + light, widths[0], 3, padding=1)
        self.exit = Conv2d(widths[0], 4, 3, padding=1)
        if zeros:
            M.init.zeros_(self.exit.weight)
        self.down = [Conv2d(a, b, 2, stride=2) for a, b in steps]
        self.up = [ConvTranspose2d(b, a, 2, stride=2) for a, b in steps]
        self.encode = [M.Sequential(block(w), block(w)) for w in widths[1:-1]] + [block(widths[-1])]
        self.start, self.decode = block(widths[0]), [block(w) for w in widths[:-1]]

    def layers(self, x):
        seen = [self.start(self.entry(x))]
        for down, encode in zip(self.down, self.encode):
            seen.append(encode(down(seen[-1])))
        x = seen.pop()
        for up, decode in zip(self.up[::-1], self.decode[::-1]):
            x = decode(up(x) + seen.pop())
        return self.exit(x)

    def residual(self, stable, clipped):
        light = [stable.mean(axis=1, keepdims=True) / 64] if self.light else []
        return fused(F.concat([stable - stable.mean((2, 3), True)] + light, 1), self.layers)


def true_lines(pairs):
    line = noise.estimate_pairs(*pairs)
    return np.float32([line.shot_noise.mean(axis=1), line.intercept.mean(axis=1)]).T


class TrueLine(Variant):
    """Told the line that the whole pair shows, in training and afterwards."""

    known = {}

    def forward(self, bayer, line=None):
        if line is None:
            patches = np.rint(bayer.numpy()[:, 0] * 65536).astype(np.uint16)
            line = mge.Tensor([self.known.get(patch.tobytes(), (1, 1)) for patch in patches])
        return super().forward(bayer, line)


class LineBatches(training.PairBatches):
    def __next__(self):
        if not hasattr(self, "lines"):
            self.lines = true_lines((train_noisy, train_gt))
        noisy_01, gt_01 = super().__next__()
        return noisy_01, self.lines[self.drawn], gt_01


class OneLook(nn.BlindUNet):
    residual = nn.BlindUNet.quick_residual


TrueLine.known.update(zip([p.tobytes() for p in noisy], true_lines((noisy, gt))))
unets = {
    "U-Net, stabilized": OneLook,
    "U-Net: two views": nn.BlindUNet,
    "U-Net: one scale less": lambda: Variant((48, 92)),
    "U-Net: full 3 x 3 layers": lambda: Variant((20, 28, 36), DenseBlock),
    "U-Net: full layers, two scales": lambda: Variant((30, 46), DenseBlock),
    "U-Net: no brightness plane": lambda: Variant(light=False),
    "U-Net: random last layer": lambda: Variant(zeros=False),
    "U-Net: the true line": TrueLine,
}
ROWS.update((row, {"network": network}) for row, network in unets.items())
ROWS["U-Net: the true line"]["kind"] = LineBatches
'''


def main():
    (path,) = NOTEBOOKS.glob("04*.ipynb")
    notebook = nbformat.read(str(path), as_version=4)
    ends = [i for i, cell in enumerate(notebook.cells) if "runs.csv" in cell.source]
    (start,) = [i for i, cell in enumerate(notebook.cells) if "def train_row" in cell.source]
    notebook.cells[ends[-1] + 1 :] = []
    notebook.cells.insert(start, nbformat.v4.new_code_cell(UNETS))
    os.environ["RAWKIT_RUN"] = "full"
    error = execute(notebook, "04")
    if error:
        sys.exit(error)
    made = outputs_folder() / "ablations" / "runs.csv"
    shutil.copy(str(made), str(ROOT / "data" / "ablations.csv"))


if __name__ == "__main__":
    main()
