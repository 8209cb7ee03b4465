import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attackColumn,
  attackEntries,
  attackSpecSchema,
  attackTitle,
  createAttack,
  inColumnOrder,
  resolveAttack,
  type AttackParameters,
} from '../../src/attacks/catalogue.js';
import { cwLinf, fgsm, pgdSat, pgdTrades } from '../../src/attacks/pgd.js';
import { UserError } from '../../src/errors.js';
import { runAttack, smallSubject } from './networks.js';

const examples = attackEntries.map(({ example }) => example);

const refuses = (act: () => unknown, message: RegExp): void => {
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof UserError, String(error));
    assert.match(error.message, message);
    return true;
  });
};

test('the columns of a table, in their order', () => {
  assert.deepEqual(examples.slice(0, 9).map(attackColumn), [
    'Clean',
    'FGSM',
    'PGD-20 (sat)',
    'PGD-20 (trades)',
    'CW∞-30',
    'Black-box PGD',
    'Black-box CW',
    'Square-100',
    'AutoAttack',
  ]);
  assert.equal(new Set(examples.map(attackColumn)).size, examples.length, 'no two are headed alike');
  assert.equal(attackColumn('my own'), 'my own');
  // A smaller one does not go by the published one's head.
  assert.equal(attackColumn(resolveAttack('pgd-sat', { steps: 10 })), 'PGD-10 (sat)');
  assert.equal(attackColumn(resolveAttack('autoattack', { queries: 100 })), 'AutoAttack, short');
  assert.match(attackTitle(resolveAttack('pgd-sat', { steps: 10 })), /^10 steps of 2\/255 .*uniform start/);
});

test('names are ordered as columns, those of one’s own last, and none is lost', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...examples, 'own', 'square-20']), (names) => {
      const ordered = inColumnOrder([...names, ...names]);
      assert.deepEqual(new Set(ordered), new Set(names));
      assert.equal(ordered.length, names.length);
      const known = ordered.filter((name) => examples.includes(name));
      assert.deepEqual(
        known,
        examples.filter((name) => names.includes(name)),
      );
      if (names.includes('own')) assert.equal(ordered.at(-1), 'own');
    }),
  );
});

test('a specification is plain data that names every parameter, and makes the attack', () => {
  for (const name of examples) {
    const spec = resolveAttack(name);
    assert.deepEqual(attackSpecSchema.parse(JSON.parse(JSON.stringify(spec))), spec);
    assert.deepEqual(resolveAttack(name, spec.parameters), spec, 'resolved once, it stays as it is');
    assert.equal(typeof spec.parameters['revision'], 'number');
    if (name === 'clean') continue;
    const attack = createAttack(spec);
    assert.equal(attack.name, name);
    assert.equal(attack.epsilon, 8 / 255);
    // Without any of them it is none.
    for (const key of Object.keys(spec.parameters)) {
      const parameters = Object.fromEntries(Object.entries(spec.parameters).filter(([other]) => other !== key));
      assert.throws(() => createAttack({ name, parameters }), UserError, `${name} without ${key}`);
    }
  }
});

test('steps are in proportion to the radius, and every parameter can be declared otherwise', () => {
  const { parameters } = resolveAttack('pgd-trades', { epsilon: 4 / 255 });
  assert.ok(Math.abs((parameters['stepSize'] as number) - 0.0015) < 1e-12);
  assert.deepEqual(resolveAttack('autoattack', { iterations: 10, queries: 50, targets: 2 }).parameters, {
    ...resolveAttack('autoattack').parameters,
    iterations: 10,
    queries: 50,
    targets: 2,
  });
  const sequence = createAttack(resolveAttack('autoattack', { iterations: 10, queries: 50, targets: 2 }));
  assert.ok('settings' in sequence);
  assert.deepEqual([sequence.settings['targets'], sequence.settings['queries']], [2, 50]);
});

test('what does not fit is refused, and said', () => {
  refuses(() => resolveAttack('magic'), /no attack "magic".*Known are clean, fgsm/);
  refuses(() => resolveAttack('square-0'), /no attack "square-0"/);
  refuses(() => resolveAttack('autoattack-custom:magic'), /no stage "magic"/);
  refuses(() => resolveAttack('pgd-sat', { stepsize: 1 }), /no parameter "stepsize". It has epsilon, stepSize, steps/);
  refuses(() => resolveAttack('clean', { epsilon: 0.1 }), /clean has no parameter "epsilon". It has none/);
  refuses(() => resolveAttack('square-100', { queries: 50 }), /the name says 100/);
  refuses(() => resolveAttack('fgsm', { steps: 20 }), /the name says 1/);
  refuses(() => createAttack(resolveAttack('clean')), /no attack/);
  for (const [name, wrong] of [
    ['pgd-sat', { steps: 0 }],
    ['pgd-sat', { steps: 1.5 }],
    ['pgd-sat', { start: 'anywhere' }],
    ['pgd-sat', { epsilon: 0 }],
    ['pgd-sat', { epsilon: '8/255' }],
    ['fgsm', { epsilon: 2 }],
    ['cw', { confidence: -1 }],
    ['apgd-t', { targets: 0 }],
    ['autoattack', { iterations: NaN }],
  ] satisfies [string, AttackParameters][]) {
    refuses(() => resolveAttack(name, wrong), new RegExp(`^${name}: its parameters don't fit`));
  }
});

test('a specification of another revision is told, not run; it can still be described', () => {
  const { name, parameters } = resolveAttack('pgd-sat');
  const old = { name, parameters: { ...parameters, revision: 0 } };
  refuses(() => createAttack(old), /revision 0 is asked for, but this is revision 1/);
  refuses(() => resolveAttack('pgd-sat', { revision: 0 }), /revision 0/);
  assert.equal(attackColumn(old), 'PGD-20 (sat)');
});

test('the catalogue’s attacks are those of the functions, image by image', async () => {
  const subject = smallSubject(12);
  for (const [name, own] of [
    ['fgsm', fgsm(0.05)],
    ['pgd-sat', pgdSat(0.05)],
    ['pgd-trades', pgdTrades(0.05)],
    ['cw', cwLinf(0.05)],
  ] as const) {
    const attack = createAttack(resolveAttack(name, { epsilon: 0.05 }));
    assert.ok('run' in attack);
    assert.deepEqual((await runAttack(attack, subject)).found, (await runAttack(own, subject)).found, name);
  }
});
