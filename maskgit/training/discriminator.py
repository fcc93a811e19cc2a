"""The critic of stage 1: says for overlapping patches whether they look real."""

from itertools import pairwise

from torch import Tensor, nn

from maskgit.types import Images


class PatchDiscriminator(nn.Module):
    """Three strided convolutions and a head; one score per patch of about 46 px.

    Source: pix2pix (Isola et al. 2017), section 3.2.2, as used by VQGAN; group instead of batch
    normalisation, so that a picture's score does not depend on its neighbours in the batch.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for before, after in pairwise([width, 2 * width, 4 * width]):
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1),
                nn.GroupNorm(after // 16, after),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 4, padding=1))

    def forward(self, images: Images) -> Tensor:
        """Score patches, (B, 1, h, w): positive means real."""
        return self.layers(images * 2 - 1)
