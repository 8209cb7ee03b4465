import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { findProgram } from '../system-package.js';

/** The `skip` option of tests that need a SLURM of their own: its daemons run as root. */
export const needsSlurm: false | string =
  process.getuid?.() !== 0
    ? 'a cluster of two nodes on one machine is started by root alone'
    : findProgram(['slurmctld'], ['slurm-wlm', 'munge']) === undefined
      ? 'SLURM is not installed: apt-get install slurm-wlm munge'
      : false;

export interface Cluster {
  /** Kills a node as a power cut does: its daemon and all that it runs. */
  readonly kill: (node: 'n1' | 'n2') => void;
  readonly stop: () => Promise<void>;
}

const until = async (condition: () => Promise<boolean>, seconds: number, otherwise: () => string): Promise<void> => {
  const end = performance.now() + 1000 * seconds;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(otherwise());
    await sleep(300);
  }
};

/** The processes below one, by the system's table of them. */
const descendants = (pid: number): number[] => {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const below = (parent: number): number[] =>
    table.flatMap(([child, of]) => (of === parent ? [child, ...below(child)] : []));
  return below(pid);
};

/**
 * A SLURM of two nodes with one processor each, on this machine, with everything that it writes in a folder of its own (its
 * settings can't name one with spaces). `SLURM_CONF` of this process names it from then on.
 */
export const startCluster = async (): Promise<Cluster> => {
  const folder = mkdtempSync(join(tmpdir(), 'ciard-slurm-'));
  const at = (name: string): string => join(folder, name);
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  for (const name of ['state', 'spool-n1', 'spool-n2']) mkdirSync(at(name));
  writeFileSync(at('munge.key'), randomBytes(128), { mode: 0o400 });
  writeFileSync(
    at('slurm.conf'),
    [
      'ClusterName=ciard',
      'SlurmctldHost=localhost',
      `SlurmctldPort=${port}`,
      'SlurmUser=root',
      'SlurmdUser=root',
      'AuthType=auth/munge',
      'CredType=cred/munge',
      // A task that is queued again begins after this time and a second.
      `AuthInfo=socket=${at('munge.socket')},cred_expire=5`,
      'ProctrackType=proctrack/pgid',
      'TaskPlugin=task/none',
      'ReturnToService=2',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_Core',
      'AccountingStorageType=accounting_storage/none',
      'JobAcctGatherType=jobacct_gather/none',
      'SwitchType=switch/none',
      'MpiDefault=none',
      'SlurmdTimeout=8',
      'SchedulerParameters=batch_sched_delay=1,sched_interval=2',
      `StateSaveLocation=${at('state')}`,
      `SlurmctldPidFile=${at('slurmctld.pid')}`,
      `SlurmctldLogFile=${at('slurmctld.log')}`,
      `SlurmdSpoolDir=${folder}/spool-%n`,
      `SlurmdPidFile=${folder}/slurmd-%n.pid`,
      `SlurmdLogFile=${folder}/slurmd-%n.log`,
      `NodeName=n1 NodeHostname=localhost Port=${port + 1} CPUs=1`,
      `NodeName=n2 NodeHostname=localhost Port=${port + 2} CPUs=1`,
      'PartitionName=main Nodes=n1,n2 Default=YES State=UP',
      '',
    ].join('\n'),
  );
  process.env['SLURM_CONF'] = at('slurm.conf');
  const daemons = new Map<string, ChildProcess>();
  const start = (name: string, command: string, args: readonly string[]): void => {
    daemons.set(name, spawn(command, args, { stdio: 'ignore', detached: true }));
  };
  start('munged', 'munged', [
    ...['--foreground', '--force', `--socket=${at('munge.socket')}`, `--key-file=${at('munge.key')}`],
    ...[`--log-file=${at('munged.log')}`, `--pid-file=${at('munged.pid')}`, `--seed-file=${at('munged.seed')}`],
  ]);
  await sleep(500);
  start('slurmctld', 'slurmctld', ['-D']);
  for (const node of ['n1', 'n2']) start(node, 'slurmd', ['-D', '-N', node]);
  const kill = (name: string): void => {
    const daemon = daemons.get(name);
    daemons.delete(name);
    if (daemon?.pid === undefined) return;
    for (const pid of [daemon.pid, ...descendants(daemon.pid)]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  };
  const stop = async (): Promise<void> => {
    await execa('scancel', ['--me'], { reject: false, timeout: 5000 });
    await sleep(500);
    for (const name of [...daemons.keys()].reverse()) kill(name);
    rmSync(folder, { recursive: true, force: true });
  };
  let said = '';
  try {
    await until(
      async () => {
        const { stdout, stderr } = await execa('sinfo', ['--noheader', '--format=%D %t'], { reject: false });
        said = `${stdout} ${stderr}`;
        return stdout.trim() === '2 idle';
      },
      30,
      () => `the cluster does not start: ${said}`,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { kill, stop };
};
