"""The networks of the benchmark in PyTorch, with the parameter names and shapes that their published checkpoints use.

Each takes x: [B, 3, 32, 32] in [0, 1] and returns logits [B, 10]. A network that its authors trained on normalised
images normalises inside, so that everything outside speaks of images in [0, 1].
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def convolution(inputs, outputs, kernel, stride=1, groups=1, bias=False):
    """A convolution that keeps the size at stride 1."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=bias)


def projection(inputs, outputs, stride):
    return nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


def stage(block, inputs, outputs, blocks, stride):
    """`blocks` residual blocks, the first of which changes the width and the stride."""
    return nn.Sequential(*(block(inputs if i == 0 else outputs, outputs, stride if i == 0 else 1) for i in range(blocks)))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut that is a 1×1 convolution where the shape changes."""

    shortcut_name = 'shortcut'
    in_place = False

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.changes_shape = stride != 1 or inputs != outputs
        if self.changes_shape:
            self.add_module(self.shortcut_name, projection(inputs, outputs, stride))

    def identity(self, x):
        return self.get_submodule(self.shortcut_name)(x) if self.changes_shape else x

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)), self.in_place)
        out = self.bn2(self.conv2(out))
        out += self.identity(x)
        return F.relu(out, self.in_place)


class DownsampleBlock(BasicBlock):
    """The same block in the published ResNet-20 … 56, which activate in place."""

    shortcut_name = 'downsample'
    in_place = True


class PaddedBlock(BasicBlock):
    """Shortcut type A: every second pixel, and zeros for the new channels, half of them before and half after."""

    def __init__(self, inputs, outputs, stride):
        super().__init__(inputs, outputs, stride)
        self.new_channels = (outputs - inputs) // 2
        if self.changes_shape:
            del self.shortcut

    def identity(self, x):
        if not self.changes_shape:
            return x
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.new_channels, self.new_channels))


def scaled(channels, width):
    """A number of channels times the width multiplier, rounded half up, at least one."""
    return max(1, math.floor(channels * width + 0.5))


class ResNet18(nn.Module):
    """ResNet-18 in its CIFAR form: a 3×3 stem without pooling, widths 64 to 512."""

    def __init__(self, classes=10, width=1):
        super().__init__()
        widths = [scaled(channels, width) for channels in (64, 128, 256, 512)]
        self.conv1 = convolution(3, widths[0], 3)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = stage(BasicBlock, widths[0], widths[0], 2, 1)
        self.layer2 = stage(BasicBlock, widths[0], widths[1], 2, 2)
        self.layer3 = stage(BasicBlock, widths[1], widths[2], 2, 2)
        self.layer4 = stage(BasicBlock, widths[2], widths[3], 2, 2)
        self.linear = nn.Linear(widths[3], classes)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        return self.linear(F.avg_pool2d(out, 4).flatten(1))


class CifarResNet(nn.Module):
    """He et al.'s ResNet for CIFAR of depth 6n + 2, widths 16, 32, 64."""

    def __init__(self, depth, block=DownsampleBlock, head='fc', classes=10):
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = convolution(3, 16, 3)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = stage(block, 16, 16, blocks, 1)
        self.layer2 = stage(block, 16, 32, blocks, 2)
        self.layer3 = stage(block, 32, 64, blocks, 2)
        self.head_name = head
        self.add_module(head, nn.Linear(64, classes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return self.get_submodule(self.head_name)(F.adaptive_avg_pool2d(out, 1).flatten(1))


class InvertedBlock(nn.Module):
    """MobileNetV2's block: widen, depthwise 3×3, narrow; a shortcut wherever the size is kept."""

    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        planes = expansion * inputs
        self.stride = stride
        self.conv1 = convolution(inputs, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = convolution(planes, planes, 3, stride, groups=planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = convolution(planes, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = projection(inputs, outputs, 1) if stride == 1 and inputs != outputs else nn.Sequential()

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return out + self.shortcut(x) if self.stride == 1 else out


class MobileNetV2(nn.Module):
    """MobileNetV2 in its CIFAR form: stride 1 in the stem and in the second group, plain relu."""

    # expansion, outputs, blocks, stride of the first block
    groups = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

    def __init__(self, classes=10, width=1):
        super().__init__()
        inputs, last = scaled(32, width), scaled(1280, width)
        self.conv1 = convolution(3, inputs, 3)
        self.bn1 = nn.BatchNorm2d(inputs)
        blocks = []
        for expansion, channels, count, stride in self.groups:
            outputs = scaled(channels, width)
            for i in range(count):
                blocks.append(InvertedBlock(inputs, outputs, expansion, stride if i == 0 else 1))
                inputs = outputs
        self.layers = nn.Sequential(*blocks)
        self.conv2 = convolution(inputs, last, 1)
        self.bn2 = nn.BatchNorm2d(last)
        self.linear = nn.Linear(last, classes)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(self.layers(out))))
        return self.linear(F.avg_pool2d(out, 4).flatten(1))


class WideBlock(nn.Module):
    """A pre-activation block. Where the shape changes the shortcut starts after the activation."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        if inputs != outputs:
            self.convShortcut = convolution(inputs, outputs, 1, stride)
        self.changes_width = inputs != outputs

    def forward(self, x):
        activated = F.relu(self.bn1(x), inplace=True)
        out = self.conv1(activated)
        out = self.conv2(F.relu(self.bn2(out), inplace=True))
        return torch.add(self.convShortcut(activated) if self.changes_width else x, out)


class WideGroup(nn.Module):
    def __init__(self, inputs, outputs, blocks, stride):
        super().__init__()
        self.layer = stage(WideBlock, inputs, outputs, blocks, stride)

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    """WRN-depth-width in the form of TRADES. `sub_block1` is never used; the published checkpoints carry it."""

    def __init__(self, depth=34, width=10, classes=10):
        super().__init__()
        blocks = (depth - 4) // 6
        self.conv1 = convolution(3, 16, 3)
        self.block1 = WideGroup(16, 16 * width, blocks, 1)
        self.sub_block1 = WideGroup(16, 16 * width, blocks, 1)
        self.block2 = WideGroup(16 * width, 32 * width, blocks, 2)
        self.block3 = WideGroup(32 * width, 64 * width, blocks, 2)
        self.bn1 = nn.BatchNorm2d(64 * width)
        self.fc = nn.Linear(64 * width, classes)

    def forward(self, x):
        out = self.block3(self.block2(self.block1(self.conv1(x))))
        out = F.relu(self.bn1(out), inplace=True)
        return self.fc(F.avg_pool2d(out, 8).flatten(1))


class PlainBlock(nn.Module):
    """A residual block with biases instead of batch norm."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = convolution(inputs, outputs, 3, stride, bias=True)
        self.conv2 = convolution(outputs, outputs, 3, bias=True)
        changes_shape = stride != 1 or inputs != outputs
        self.shortcut = nn.Sequential(*([convolution(inputs, outputs, 1, stride, bias=True)] if changes_shape else []))

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))


class ResNet4b(nn.Module):
    """ResNet-4B of VNN-COMP 2021: four residual blocks without batch norm."""

    def __init__(self):
        super().__init__()
        self.conv1 = convolution(3, 16, 3, 2, bias=True)
        self.layer1 = stage(PlainBlock, 16, 32, 2, 2)
        self.layer2 = stage(PlainBlock, 32, 32, 2, 2)
        self.linear1 = nn.Linear(512, 100)
        self.linear2 = nn.Linear(100, 10)

    def forward(self, x):
        out = self.layer2(self.layer1(F.relu(self.conv1(x))))
        return self.linear2(F.relu(self.linear1(out.flatten(1))))


class Normalised(nn.Module):
    """`network` on images of the given channel means and standard deviations."""

    def __init__(self, network, mean, std):
        super().__init__()
        self.network = network
        self.register_buffer('mean', torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, x):
        return self.network((x - self.mean) / self.std)


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))

NETWORKS = {
    'resnet18': ResNet18,
    'mobilenetv2': MobileNetV2,
    'cifar-resnet-20': lambda: CifarResNet(20),
    'cifar-resnet-56': lambda: CifarResNet(56),
    'wrn-10-1': lambda: WideResNet(10, 1),
    'wrn-34-10': lambda: WideResNet(34, 10),
    'akamaster-resnet20': lambda: Normalised(CifarResNet(20, PaddedBlock, 'linear'), *IMAGENET),
    'akamaster-resnet56': lambda: Normalised(CifarResNet(56, PaddedBlock, 'linear'), *IMAGENET),
    'vnncomp-resnet4b': lambda: Normalised(ResNet4b(), *CIFAR),
}


SCALABLE = ('resnet18', 'mobilenetv2')


def build(name, width=1):
    """A freshly initialised network. Raises KeyError's readable sibling where there is none of that name or width."""
    if name not in NETWORKS:
        raise ValueError(f'no network {name!r} here; there are {", ".join(NETWORKS)}')
    if width == 1:
        return NETWORKS[name]()
    if name not in SCALABLE:
        raise ValueError(f'{name} has one width here; {", ".join(SCALABLE)} have others')
    return NETWORKS[name](width=width)


def load_checkpoint(model, path):
    """Fills `model` with the state dict of a published checkpoint; every tensor must be there and fit."""
    state = torch.load(path, map_location='cpu', weights_only=True)
    state = state.get('state_dict', state)
    network = model.network if isinstance(model, Normalised) else model
    missing, surplus = network.load_state_dict({name.removeprefix('module.'): value for name, value in state.items()}, strict=False)
    # Files older than PyTorch 0.4.1 have no counters of batches; nothing depends on them.
    missing = [name for name in missing if not name.endswith('num_batches_tracked')]
    if missing or surplus:
        raise ValueError(f'{path} does not fit: missing {missing}, surplus {surplus}')
    return model
