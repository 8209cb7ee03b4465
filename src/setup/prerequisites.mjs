import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { answerOf } from './command.mjs';
import { SetupError } from './failure.mjs';

/** The oldest Python that works, as the lock was made for it. `main.mjs` checks Node before anything else is loaded. */
const oldestPython = { major: 3, minor: 10 };
/** The newest for which every pinned package is published as a wheel. A newer one is taken where there is no other. */
const newestPython = { major: 3, minor: 14 };

/**
 * The programs of the machine that set-up uses.
 * @typedef {object} Tools
 * @property {string} python path of a Python that can make environments
 * @property {string[]} compiler the C++ compiler's command
 * @property {string[]} npm npm's command
 */

const checkMachine = () => {
  const { platform, arch } = process;
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch)) {
    return `This machine is ${platform}-${arch}; ciard runs on Linux x86-64 (and aarch64). Use such a machine, or a container or virtual machine of it.`;
  }
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    /** @type {unknown} */ (process.report.getReport())
  );
  if (report.header.glibcVersionRuntime === undefined) {
    return 'This Linux has no glibc (Alpine, perhaps), for which TensorFlow is built; use Debian, Ubuntu, Fedora or another distribution with glibc.';
  }
  return undefined;
};

const pythonQuestion = `
import json, sys
def there(name):
    try:
        __import__(name)
        return True
    except Exception:
        return False
print(json.dumps({"version": list(sys.version_info[:2]), "executable": sys.executable,
                  "venv": there("venv") and there("ensurepip")}))
`;

/**
 * @typedef {{ version: [number, number], executable: string, venv: boolean }} PythonAnswer
 */

/** @param {string} command @returns {PythonAnswer | undefined} */
const askPython = (command) => {
  const answer = answerOf(command, ['-I', '-c', pythonQuestion]);
  return answer === undefined ? undefined : /** @type {PythonAnswer} */ (JSON.parse(answer));
};

/** @param {[number, number]} version @param {{ major: number, minor: number }} other */
const isOlder = ([major, minor], other) => major < other.major || (major === other.major && minor < other.minor);

/** @returns {{ python: string } | { problem: string }} */
const findPython = () => {
  const chosen = process.env['CIARD_PYTHON'];
  const names =
    chosen === undefined ? ['python3', ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`), 'python'] : [chosen];
  const wanted = `Python ${oldestPython.major}.${oldestPython.minor} or newer`;
  /** @type {string | undefined} */
  let problem;
  /** @type {string | undefined} */
  let tooNew;
  for (const name of names) {
    const answer = askPython(name);
    if (answer === undefined) continue;
    const version = answer.version.join('.');
    if (isOlder(answer.version, oldestPython)) {
      problem ??= `${name} is Python ${version}; ciard needs ${wanted}. Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it in the variable CIARD_PYTHON.`;
    } else if (!answer.venv) {
      problem = `Python ${version} (${answer.executable}) cannot make environments: its module venv or ensurepip is missing. Install it (Debian, Ubuntu: apt install python3-venv) or name another Python in the variable CIARD_PYTHON.`;
    } else if (isOlder(answer.version, { ...newestPython, minor: newestPython.minor + 1 })) {
      return { python: answer.executable };
    } else {
      tooNew ??= answer.executable;
    }
  }
  if (tooNew !== undefined) return { python: tooNew };
  return {
    problem:
      problem ??
      (chosen === undefined
        ? `There is no Python on the path; ciard needs ${wanted} with venv. Install it (Debian, Ubuntu: apt install python3 python3-venv) or name it in the variable CIARD_PYTHON.`
        : `CIARD_PYTHON names '${chosen}', which does not run; it has to be ${wanted} with venv.`),
  };
};

/** @returns {{ compiler: string[] } | { problem: string }} */
const findCompiler = () => {
  const chosen = process.env['CXX']?.trim();
  const commands = chosen ? [chosen.split(/\s+/)] : [['g++'], ['c++'], ['clang++']];
  for (const command of commands) {
    const [program = '', ...args] = command;
    if (answerOf(program, [...args, '--version']) !== undefined) return { compiler: command };
  }
  return {
    problem: chosen
      ? `The variable CXX names '${chosen}', which does not run; unset it or name a C++ compiler.`
      : 'There is no C++ compiler (g++, c++, clang++) on the path. Install one (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++).',
  };
};

/** @returns {{ npm: string[] } | { problem: string }} */
const findNpm = () => {
  const scripts = [
    process.env['npm_execpath'] ?? '',
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  const script = scripts.find((path) => path.endsWith('npm-cli.js') && existsSync(path));
  if (script !== undefined) return { npm: [process.execPath, script] };
  if (answerOf('npm', ['--version']) !== undefined) return { npm: ['npm'] };
  return {
    problem: 'There is no npm on the path, which comes with Node.js. Install Node.js with npm (https://nodejs.org).',
  };
};

const gigabyte = 1e9;

/** What a fresh set-up writes, the installers' caches included, in bytes: generously rounded up. */
const spaceFor = { cpu: 4 * gigabyte, gpu: 12 * gigabyte };

/** @param {string} folder @param {import('./device.mjs').Device} device */
const checkSpace = (folder, device) => {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const wanted = spaceFor[device];
  if (free >= wanted) return undefined;
  return `The disk of ${folder} has ${(free / gigabyte).toFixed(1)} GB left; set-up needs ${(wanted / gigabyte).toFixed(0)} GB. Make room, or move the checkout to another disk.`;
};

/**
 * Finds what set-up needs of the machine.
 * @param {{ root: string, device: import('./device.mjs').Device, fresh: boolean }} options `fresh`: nothing is installed
 *   yet, so that the disk must have room for all of it
 * @returns {Tools}
 * @throws {SetupError} naming everything that is missing, with its remedy, a line each
 */
export const findTools = ({ root, device, fresh }) => {
  const machine = checkMachine();
  if (machine !== undefined) throw new SetupError(machine);
  const python = findPython();
  const compiler = findCompiler();
  const npm = findNpm();
  const problems = [python, compiler, npm].flatMap((answer) => ('problem' in answer ? [answer.problem] : []));
  const space = fresh ? checkSpace(root, device) : undefined;
  if (space !== undefined) problems.push(space);
  if (problems.length > 0 || 'problem' in python || 'problem' in compiler || 'problem' in npm) {
    throw new SetupError(problems.join('\n'));
  }
  return { ...python, ...compiler, ...npm };
};
