import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** MD5 of a file's contents, in hexadecimal: what authors publish beside their archives and what DVC records. */
export const md5OfFile = async (path: string): Promise<string> => {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
};
