"""The reference AutoAttack on a published checkpoint, timed stage by stage: the other side of our AutoAttack benchmark.

  python bench/autoattack_side.py FOLDER CHECKPOINT --network vnncomp-resnet4b --records test.bin --epsilon 2/255

FOLDER is a copy of github.com/fra31/auto-attack, CHECKPOINT a file of a network that torch_networks.py lists, the records
CIFAR-10's canonical sorted test records. Prints one JSON object: for the clean images and after each stage how many
images are still classified correctly, the seconds that the stage took and the processor time, the same of the whole, and
one 0 or 1 an image for the end result.

The attack runs as the repository's own example runs it: `standard`, the network in evaluation mode with parameters that
require gradients. `--frozen` switches those off, which spares FAB's backward passes the filter gradients.
"""

import argparse
import json
import re
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from torch_networks import NETWORKS, build, load_checkpoint

RECORD = 1 + 3 * 32 * 32


def number(text):
    """A decimal or a quotient of two."""
    numerator, _, denominator = text.partition('/')
    return float(Fraction(numerator) / Fraction(denominator or '1'))


def read_images(path, indices):
    """x: [N, 3, 32, 32] in [0, 1] and y: [N], of the records at `indices`."""
    records = np.memmap(path, dtype=np.uint8, mode='r').reshape(-1, RECORD)
    chosen = torch.from_numpy(np.array(records[indices]))
    return chosen[:, 1:].reshape(-1, 3, 32, 32).float() / 255, chosen[:, 0].long()


class AwakeClock:
    """A clock that stands still while the process does: stopped by a signal, or on a machine asleep."""

    INTERVAL = 0.1
    LONGEST_GAP = 1.0

    def __init__(self):
        self.paused = 0.0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        last = time.perf_counter()
        while True:
            time.sleep(self.INTERVAL)
            now = time.perf_counter()
            if now - last > self.LONGEST_GAP:
                self.paused += now - last - self.INTERVAL
            last = now

    def seconds(self):
        return time.perf_counter() - self.paused


class StageClock:
    """Takes the place of the reference's logger and notes the time and the count where it reports a stage."""

    def __init__(self, images, clock):
        self.images = images
        self.clock = clock
        self.stages = []
        self.warnings = []
        self.restart()

    def restart(self):
        self.wall, self.processor = self.clock.seconds(), time.process_time()

    def log(self, line):
        clean = re.match(r'initial accuracy: ([\d.]+)%', line)
        stage = re.match(r'robust accuracy after ([A-Z-]+): ([\d.]+)%', line)
        if clean:
            self.note('clean', clean.group(1))
        elif stage:
            self.note(stage.group(1).lower(), stage.group(2))
        elif line.startswith('Warning: '):
            self.warnings.append(line.removeprefix('Warning: '))
        print(line, file=sys.stderr, flush=True)

    def note(self, name, percent):
        wall, processor = self.wall, self.processor
        self.restart()
        # The reference rounds to hundredths of a percent, finer than one image in any number that fits in memory here.
        correct = round(float(percent) / 100 * self.images)
        times = {'seconds': self.wall - wall, 'processorSeconds': self.processor - processor}
        self.stages.append({'name': name, 'correct': correct} | times)


def run_reference(folder, model, x, y, options):
    sys.path.insert(0, str(folder))
    from autoattack import AutoAttack  # the copy that was named

    clock = AwakeClock()
    stages = StageClock(len(x), clock)
    attack = AutoAttack(model, norm='Linf', eps=options.epsilon, version='standard', seed=options.seed, device='cpu')
    attack.logger = stages
    if options.iterations:
        attack.apgd.n_iter = attack.apgd_targeted.n_iter = attack.fab.n_iter = options.iterations
    if options.queries:
        attack.square.n_queries = options.queries
    stages.restart()
    start, processor = clock.seconds(), time.process_time()
    _, labels = attack.run_standard_evaluation(x, y, bs=options.batch, return_labels=True)
    return {
        'stages': stages.stages,
        'seconds': clock.seconds() - start,
        'processorSeconds': time.process_time() - processor,
        'pausedSeconds': clock.paused,
        'outcome': (labels == y).int().tolist(),
        'warnings': stages.warnings,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path, help='a copy of github.com/fra31/auto-attack')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('--network', required=True, choices=sorted(NETWORKS))
    parser.add_argument('--records', type=Path, required=True, help="CIFAR-10's sorted test records")
    parser.add_argument('--epsilon', type=number, required=True, help='in image units: 2/255 or .0078')
    parser.add_argument('--images', type=int, default=256)
    parser.add_argument('--stride', type=int, default=39, help='image i is record stride·i')
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--frozen', action='store_true')
    parser.add_argument('--iterations', type=int, help='of APGD and FAB, instead of 100: for a trial')
    parser.add_argument('--queries', type=int, help='of Square, instead of 5000: for a trial')
    options = parser.parse_args()
    if not (options.folder / 'autoattack' / 'autoattack.py').exists():
        parser.error(f'{options.folder}: no copy of auto-attack (autoattack/autoattack.py is missing)')
    torch.set_num_threads(options.threads)

    answers, sys.stdout = sys.stdout, sys.stderr
    model = load_checkpoint(build(options.network), options.checkpoint).eval()
    model.requires_grad_(not options.frozen)
    x, y = read_images(options.records, options.stride * np.arange(options.images))
    outcome = run_reference(options.folder, model, x, y, options)
    setting = {'network': options.network, 'images': options.images, 'epsilon': options.epsilon, 'batch': options.batch}
    setting |= {'threads': torch.get_num_threads(), 'torch': torch.__version__, 'frozen': options.frozen}
    json.dump(setting | outcome, answers)
    answers.write('\n')


if __name__ == '__main__':
    main()
