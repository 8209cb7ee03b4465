import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { places, repositoryRoot } from '../../src/setup/places.mjs';

const program = join(repositoryRoot, 'bin', 'ciard.mjs');

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });

test(
  'ciard lab serves the notebooks with our kernel first, and ends cleanly at Ctrl-C',
  { skip: existsSync(places.pythonExecutable) ? false : 'needs the private Python environment', timeout: 60_000 },
  async () => {
    const port = await freePort();
    const lab = execa(process.execPath, [program, 'lab', '--no-browser', '--port', String(port)], { reject: false });
    let log = '';
    const address = new Promise<string>((resolve, reject) => {
      lab.stderr.on('data', (text: Buffer) => {
        log += text.toString();
        const found = /http:\/\/127\.0\.0\.1:\d+\/\S*token=[0-9a-f]+/.exec(log)?.[0];
        if (found !== undefined) resolve(found);
      });
      void lab.then(() => {
        reject(new Error(`JupyterLab ended:\n${log}`));
      });
    });
    const { origin, searchParams } = new URL(await address);
    assert.equal(new URL(origin).port, String(port));
    const response = await fetch(`${origin}/api/kernelspecs?token=${searchParams.get('token') ?? ''}`);
    const specs = (await response.json()) as {
      default: string;
      kernelspecs: Record<string, { spec: { display_name: string } }>;
    };
    assert.equal(specs.default, 'ciard');
    assert.equal(specs.kernelspecs['ciard']?.spec.display_name, 'TypeScript (ciard)');
    lab.kill('SIGINT');
    const { exitCode } = await lab;
    assert.equal(exitCode, 0, log);
    await assert.rejects(fetch(origin), 'nothing listens any more');
    assert.doesNotMatch(log, /error|warning/i);
  },
);

test('a port that is none is one error, exit code 2', async () => {
  const { exitCode, stderr } = await execa(process.execPath, [program, 'lab', '--port', '70000'], { reject: false });
  assert.equal(exitCode, 2);
  assert.match(stderr, /port is a whole number from 1 to 65535/i);
});
