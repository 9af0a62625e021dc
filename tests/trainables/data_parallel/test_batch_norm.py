"""The parts of a group that want no other process."""

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from trainables.data_parallel import Group, synchronise
from trainables.data_parallel.batch_norm import SynchronisedBatchNorm


class Mirror(Group):
    """The first of two workers; the other one sees the same images."""

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.split = True

    def of_all(self, tensor: Tensor) -> Tensor:
        return torch.stack([tensor, tensor])

    def sum_over_workers(self, tensor: Tensor) -> Tensor:
        return tensor.mul_(2)


@pytest.mark.parametrize("original", [nn.BatchNorm2d(3), BatchNormAct2d(3), nn.BatchNorm2d(3, momentum=None)])
def test_two_workers_with_the_same_images_normalise_as_one_with_both(original: nn.Module) -> None:
    images = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0)) + 2
    network = nn.Sequential(original)
    plain = nn.Sequential(type(original)(3, momentum=original.momentum))
    plain.load_state_dict(network.state_dict())
    synchronise(network, Mirror())
    assert isinstance(network[0], SynchronisedBatchNorm)
    assert list(network.state_dict()) == list(plain.state_dict())

    mine, both = images.clone().requires_grad_(), torch.cat([images, images]).requires_grad_()
    weight = torch.arange(4 * 3 * 5 * 6).reshape(4, 3, 5, 6) / 100
    (network(mine) * weight).sum().backward()
    (plain(both) * torch.cat([weight, weight])).sum().backward()
    assert mine.grad is not None
    assert both.grad is not None
    torch.testing.assert_close(mine.grad, both.grad[:4], rtol=1e-4, atol=1e-5)
    for one, other in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(2 * one.grad, other.grad, rtol=1e-4, atol=1e-4)
    for name, statistic in plain.named_buffers():
        torch.testing.assert_close(dict(network.named_buffers())[name], statistic)
    network.eval(), plain.eval()
    torch.testing.assert_close(network(images), plain(images))


def test_a_network_alone_keeps_its_batch_norms() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3))
    synchronise(network, Group())
    assert type(network[0]) is nn.BatchNorm2d


@pytest.mark.parametrize(("images", "workers"), [(15, 2), (7, 3), (3, 3), (2, 3)])
def test_parts_make_up_the_batch_and_a_small_batch_is_everybodys(images: int, workers: int) -> None:
    rows = [list(range(images))[Group(rank, workers).part(images)] for rank in range(workers)]
    whole = list(range(images))
    assert rows == [whole] * workers if images < workers else [row for part in rows for row in part] == whole
    assert images < workers or max(map(len, rows)) - min(map(len, rows)) <= 1
