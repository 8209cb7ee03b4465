"""Proves that PyTorch's side of the benchmark does the published work: compares it with values that the published code computed.

  python bench/verify_torch_side.py ORACLE_FOLDER [--json]

ORACLE_FOLDER holds architectures.* and ciard_step.*. Prints one line a check; exits with 1 where one fails.
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

import torch_side
from torch_networks import build

TYPES = {'F32': np.float32, 'I64': np.int64}


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack('<Q', data[:8])
    body = memoryview(data)[8 + length :]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != '__metadata__':
            start, end = entry['data_offsets']
            values = np.frombuffer(body[start:end], dtype=TYPES[entry['dtype']]).reshape(entry['shape'])
            tensors[name] = torch.from_numpy(values.copy())
    return tensors


def hashed(shape, seed):
    """`v` of the oracle's hash: doubles in [−1, 1), by flat index."""
    x = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64((seed * 0x9E3779B9) % 2**32)
    mask = np.uint64(0xFFFFFFFF)
    x &= mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & mask
    x ^= x >> np.uint64(16)
    return (2 * (x.astype(np.float64) / 2**32) - 1).reshape(shape)


def fill(model):
    """Weights and statistics by the oracle's rule: tensor number t of the state takes the seed 1000 + t."""
    with torch.no_grad():
        norms = {name for name, module in model.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
        for number, (name, tensor) in enumerate(model.state_dict().items()):
            if name.endswith('num_batches_tracked'):
                continue
            v = hashed(tuple(tensor.shape), 1000 + number)
            owner, kind = name.rsplit('.', 1)
            if owner in norms:
                v = {'weight': 1 + 0.2 * v, 'bias': 0.2 * v, 'running_mean': 0.1 * v, 'running_var': 1 + 0.3 * v}[kind]
            elif kind == 'bias':
                v = 0.1 * v
            elif tensor.dim() == 4:
                v = v * np.sqrt(6 / np.prod(tensor.shape[1:]))
            else:
                v = v * np.sqrt(3 / tensor.shape[1])
            tensor.copy_(torch.from_numpy(v.astype(np.float32)))
    return model


def relative(ours, theirs):
    """The largest difference, relative to the largest value."""
    ours, theirs = torch.as_tensor(ours).detach().double(), torch.as_tensor(theirs).double()
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def check_networks(folder):
    expected = read_safetensors(folder / 'architectures.safetensors')
    listed = json.loads((folder / 'architectures.json').read_text())
    for ours, theirs in (('resnet18', 'resnet18'), ('mobilenetv2', 'mobilenet_v2'), ('cifar-resnet-56', 'cifar_resnet56'), ('wrn-34-10', 'wrn34_10')):
        model = fill(build(ours)).train()
        entry = listed[theirs]
        shape = (entry['batch'], 3, 32, 32)
        x = torch.from_numpy(((hashed(shape, 7) + 1) / 2).astype(np.float32))
        y = torch.arange(entry['batch']) % entry['classes']
        logits = model(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        loss.backward()
        yield f'{ours}: logits in training mode', relative(logits, expected[f'{theirs}/train_logits']), 1e-4
        norms = entry['param_grad_norms']
        gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
        # A convolution's bias before batch norm has no gradient but rounding: compare with the largest norm.
        largest = max(norms.values())
        worst = max(abs(gradient.norm().item() - norms[name]) / largest for name, gradient in gradients.items())
        yield f'{ours}: gradient norms of {len(gradients)} parameters', worst, 1e-3
        yield f'{ours}: parameters', abs(sum(p.numel() for p in model.parameters()) - entry['parameters']), 0


def check_ciard_step(folder):
    """With the oracle's start noise; its x_adv may differ by whole sign steps in a few pixels, so the terms get room."""
    expected = read_safetensors(folder / 'ciard_step.safetensors')
    listed = json.loads((folder / 'ciard_step.json').read_text())
    student, clean, robust = fill(build('mobilenetv2')), fill(build('cifar-resnet-20')), fill(build('wrn-10-1'))
    outcome = torch_side.ciard_step_of(student, clean, robust)(expected['x'], expected['y'], expected['start_noise'])
    different = (outcome['x_adv'] - expected['x_adv']).abs().gt(1e-5).float().mean().item()
    yield 'ciard-step: share of pixels of x_adv that differ', different, 0.01
    for name in ('student_nat_logits', 'clean_teacher_nat_logits'):
        yield f'ciard-step: {name}', relative(outcome[name], expected[name]), 1e-4
    for name in ('student_adv_logits', 'robust_teacher_adv_logits', 'clean_teacher_adv_logits'):
        yield f'ciard-step: {name}', relative(outcome[name], expected[name]), 2e-2
    for name in ('adv', 'nat', 'push', 'push_scale', 'total', 'teacher_ce'):
        yield f'ciard-step: {name}', relative(outcome[name], listed[name]), 1e-2
    for ours, theirs in ((student, 'student'), (robust, 'teacher')):
        norms = listed[f'{theirs}_param_norms']
        worst = max(abs(value.norm().item() - norms[name]) / norms[name] for name, value in ours.named_parameters() if name in norms)
        yield f'ciard-step: norms of the {theirs}’s parameters after the step', worst, 1e-2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('oracle', type=Path)
    parser.add_argument('--json', action='store_true', help='one JSON array instead of lines')
    options = parser.parse_args()
    checks = [
        {'check': name, 'difference': difference, 'tolerance': tolerance, 'ok': difference <= tolerance}
        for part in (check_networks, check_ciard_step)
        for name, difference, tolerance in part(options.oracle)
    ]
    if options.json:
        print(json.dumps(checks, indent=1))
    else:
        for check in checks:
            print(f'{"ok  " if check["ok"] else "FAIL"} {check["check"]}: {check["difference"]:.2e} (at most {check["tolerance"]:.0e})')
    return 0 if all(check['ok'] for check in checks) else 1


if __name__ == '__main__':
    sys.exit(main())
