import { readFileSync } from 'node:fs';

/** Everything that the file at `url` imports when it runs, through our own files: packages and built-ins by name. */
export const importsOf = (url: URL, seen = new Set<string>()): Set<string> => {
  if (seen.has(url.href)) return seen;
  seen.add(url.href);
  const source = readFileSync(url, 'utf8');
  for (const [, type, specifier] of source.matchAll(/^(?:import|export) (type )?(?:[^;']*?from )?'([^']+)';/gm)) {
    if (type) continue;
    if (specifier!.startsWith('.')) importsOf(new URL(specifier!.replace(/\.js$/, '.ts'), url), seen);
    else seen.add(specifier!);
  }
  return seen;
};

/** Those of them that only Node has. */
export const nodeImportsOf = (url: URL): string[] =>
  [...importsOf(url)].filter(
    (name) => name.startsWith('node:') || name.includes('tfjs-node') || name.endsWith('.node'),
  );
