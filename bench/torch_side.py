"""PyTorch's side of the benchmark: the same work as ours, timed by a worker that is driven by lines of JSON.

One request a line on standard input, one answer a line on standard output:
  {"cmd": "info"}                            versions and threads
  {"cmd": "prepare", "work": "attack-step", "network": "resnet18", "width": 1, "batch": 32, "layout": "nchw", "compile": false, "autocast": false, "key": "a"}
                                             builds the work under that key; several may be held
  {"cmd": "run", "key": "a", "repeats": 3}   {"milliseconds": [...]}
  {"cmd": "drop", "key": "a"}                frees it
A request that fails answers {"error": "..."}. The end of the input ends the worker.

The order of what a step computes, what it differentiates and what it reads back follow the published CIARD code
(CIARD.py and mtard_loss.py of github.com/CIARD2025/CIARD); the works are written anew here, without its data loading,
logging and device copies.
"""

import argparse
import gc
import json
import math
import os
import sys
import time

import torch
from torch.nn import functional as F

from torch_networks import build

EPSILON = 8 / 255
STEP_SIZE = 2 / 255
LAYOUTS = {'nchw': torch.contiguous_format, 'channels_last': torch.channels_last}


def images_and_labels(batch, layout):
    """A batch of random images in [0, 1] and labels that go round the classes: speed depends on neither."""
    generator = torch.Generator().manual_seed(7)
    x = torch.rand(batch, 3, 32, 32, generator=generator).to(memory_format=LAYOUTS[layout])
    return x, torch.arange(batch) % 10


def ascend(model, x_adv, x, y):
    """One step of the published training attack: cross-entropy, the gradient for the image alone, sign, projection."""
    x_adv.requires_grad_()
    with torch.enable_grad():
        loss = F.cross_entropy(model(x_adv), y)
    gradient = torch.autograd.grad(loss, [x_adv])[0]
    x_adv = x_adv.detach() + STEP_SIZE * torch.sign(gradient.detach())
    x_adv = torch.min(torch.max(x_adv, x - EPSILON), x + EPSILON)
    return torch.clamp(x_adv, 0.0, 1.0)


def attack(model, x, y, noise, steps=10):
    """The published PGD-10: evaluation mode, start at x + .001·noise, unclamped. Parameters keep requiring gradients."""
    model.eval()
    x_adv = x.detach() + 0.001 * noise
    for _ in range(steps):
        x_adv = ascend(model, x_adv, x, y)
    model.train()
    return x_adv


class Autocast(torch.nn.Module):
    """A network whose passes are by autocast, as PyTorch advises: forward alone; the logits, and so losses, in float32."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        with torch.autocast('cpu', dtype=torch.bfloat16):
            logits = self.model(x)
        return logits.float()


def ready(network, width, layout, compiled, autocast):
    """A network in its layout; by torch.compile, whose first runs compile, and by autocast, where that is asked for."""
    model = build(network, width).to(memory_format=LAYOUTS[layout])
    model = torch.compile(model) if compiled else model
    return Autocast(model) if autocast else model


def attack_step(network, width, batch, layout, compiled, autocast):
    model = ready(network, width, layout, compiled, autocast).eval()
    x, y = images_and_labels(batch, layout)
    state = [x.clone()]

    def run():
        state[0] = ascend(model, state[0], x, y)

    return run


def training_step(network, width, batch, layout, compiled, autocast):
    model = ready(network, width, layout, compiled, autocast).train()
    x, y = images_and_labels(batch, layout)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=2e-4)

    def run():
        loss = F.cross_entropy(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return run


def kl(log_student, teacher):
    """The published element-wise divergence: p·(log(p + 1e-5) − log q)."""
    return -log_student * teacher + torch.log(teacher + 1e-5) * teacher


def push_scale(adversarial, natural, push):
    """The power of ten that brings the push term to the magnitude of the smaller of the two others."""
    magnitude = [math.floor(math.log10(abs(value + 1e-7 if math.isclose(value, 0) else value))) for value in (adversarial, natural, push)]
    return 10 ** (min(magnitude[0], magnitude[1]) - magnitude[2])


def ciard_step_of(
    student, clean_teacher, robust_teacher, learning_rate=0.1, teacher_learning_rate=1e-4, attack_steps=10, unused_pass=True
):
    """One whole step of the published code once its teacher trains (after epoch 50), as `step(x, y, noise)`.

    `unused_pass`: with the pass of x through the robust teacher that the published code makes and uses nothing of.
    """
    student_optimiser = torch.optim.SGD(student.parameters(), lr=learning_rate, momentum=0.9, weight_decay=2e-4)
    teacher_optimiser = torch.optim.SGD(robust_teacher.parameters(), lr=teacher_learning_rate, momentum=0.1, weight_decay=2e-4)
    clean_teacher.eval()
    temperature = {'adv': 1.0, 'nat': 1.0}

    def step(x, y, noise):
        student.train()
        robust_teacher.train()
        student_optimiser.zero_grad()
        teacher_optimiser.zero_grad()
        student_natural = student(x)
        with torch.no_grad():
            clean_natural = clean_teacher(x)
            # CIARD.py computes `adv_teacher_nat = teacher(train_batch_data)` here, in training mode, and only a term
            # that is commented out would use it. It is part of what the published step costs.
            if unused_pass:
                robust_teacher(x)

        x_adv = attack(student, x, y, noise, attack_steps)
        student_optimiser.zero_grad()
        teacher_optimiser.zero_grad()
        student_adversarial = student(x_adv)
        robust_adversarial = robust_teacher(x_adv)
        # The published code leaves gradients on here and detaches later.
        clean_adversarial = clean_teacher(x_adv)

        robust_soft = F.softmax(robust_adversarial.detach() / temperature['adv'], dim=1)
        clean_soft = F.softmax(clean_natural.detach() / temperature['nat'], dim=1)
        adversarial = kl(F.log_softmax(student_adversarial, dim=1), robust_soft).mean()
        natural = kl(F.log_softmax(student_natural, dim=1), clean_soft).mean()
        total = adversarial + natural

        wrong = (clean_adversarial.argmax(dim=1) != y).nonzero(as_tuple=True)[0]
        push, scale = torch.tensor(0.0), 0.0
        if wrong.numel() > 0:
            push = kl(F.log_softmax(student_adversarial[wrong] / 5, dim=1), F.softmax(clean_adversarial[wrong].detach(), dim=1)).mean()
            scale = push_scale(adversarial.item(), natural.item(), push.item())
            total = total - scale * push

        entropy_adv = (torch.log(robust_soft + 1e-5) * robust_soft).mean()
        entropy_nat = (torch.log(clean_soft + 1e-5) * clean_soft).mean()
        for name, own, other in (('adv', entropy_adv, entropy_nat), ('nat', entropy_nat, entropy_adv)):
            moved = temperature[name] - 0.001 * torch.sign(own / other - 1).item()
            temperature[name] = max(min(10.0, moved), 1.0)

        total.backward()
        student_optimiser.step()
        teacher_loss = F.cross_entropy(robust_adversarial, y)
        teacher_loss.backward()
        teacher_optimiser.step()
        return {
            'x_adv': x_adv,
            'student_nat_logits': student_natural,
            'student_adv_logits': student_adversarial,
            'robust_teacher_adv_logits': robust_adversarial,
            'clean_teacher_nat_logits': clean_natural,
            'clean_teacher_adv_logits': clean_adversarial,
            'adv': adversarial,
            'nat': natural,
            'push': push,
            'push_scale': scale,
            'total': total,
            'teacher_ce': teacher_loss,
        }

    return step


def ciard_step(
    network,
    width,
    batch,
    layout,
    compiled,
    autocast,
    teachers=(('cifar-resnet-56', 1), ('wrn-34-10', 1)),
    attack_steps=10,
    unused_pass=True,
):
    """The published setting for CIFAR-10: ResNet-56 clean teacher, TRADES' WRN-34-10 as the robust one."""
    student, clean, robust = (ready(name, wide, layout, compiled, autocast) for name, wide in ((network, width), *teachers))
    x, y = images_and_labels(batch, layout)
    step = ciard_step_of(student, clean, robust, attack_steps=attack_steps, unused_pass=unused_pass)

    def run():
        step(x, y, torch.randn_like(x))

    return run


def lite_ciard_step(*network):
    """The step of the scale `lite`: teachers are ResNet-18 at a quarter of its width, the attack has two steps.

    Without the pass that nothing uses, as ours is.
    """
    return ciard_step(*network, teachers=(('resnet18', 0.25), ('resnet18', 0.25)), attack_steps=2, unused_pass=False)


# The published step stands on this side for both of ours: the code's setting and the paper's summary.
WORKS = {
    'attack-step': attack_step,
    'training-step': training_step,
    'ciard-step': ciard_step,
    'lite-ciard-step': lite_ciard_step,
    'lite-ciard-code-step': lite_ciard_step,
}


def information():
    return {
        'python': sys.version.split()[0],
        'torch': torch.__version__,
        'threads': torch.get_num_threads(),
        'oneDNN': torch.backends.mkldnn.is_available(),
        'capability': torch.backends.cpu.get_cpu_capability(),
    }


def prepare(works, request):
    work, layout = request['work'], request['layout']
    if work not in WORKS:
        raise ValueError(f'no work {work!r}; there are {", ".join(WORKS)}')
    if layout not in LAYOUTS:
        raise ValueError(f'no layout {layout!r}; there are {", ".join(LAYOUTS)}')
    works[request['key']] = WORKS[work](
        request['network'], request['width'], request['batch'], layout, request['compile'], request['autocast']
    )
    return {'ok': True}


def run(works, request):
    work = works[request['key']]
    milliseconds = []
    for _ in range(request['repeats']):
        start = time.perf_counter()
        work()
        milliseconds.append(1000 * (time.perf_counter() - start))
    return {'milliseconds': milliseconds}


def drop(works, request):
    del works[request['key']]
    gc.collect()
    return {'ok': True}


def serve():
    """Answers requests until the input ends. Between two it blocks on a read and uses no processor time."""
    # Whatever a library prints must not mix with the answers.
    answers, sys.stdout = os.fdopen(os.dup(1), 'w'), sys.stderr
    works = {}
    commands = {'info': lambda request: information(), 'prepare': lambda request: prepare(works, request)}
    commands |= {'run': lambda request: run(works, request), 'drop': lambda request: drop(works, request)}
    for line in sys.stdin:
        try:
            request = json.loads(line)
            answer = commands[request['cmd']](request)
        except Exception as error:  # the caller decides what a failed request means
            answer = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer), file=answers, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--threads', type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    try:
        serve()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == '__main__':
    main()
