/** The bytes of a file's beginning that `standInFor` looks at. */
export const standInBytes = 1024;

/**
 * What lies in place of the file that was wanted, as downloads and clones leave it, and what to do: a web page, a pointer
 * of Git LFS, nothing. Told by the file's beginning; undefined where it is none of these.
 */
export const standInFor = (beginning: Uint8Array): string | undefined => {
  if (beginning.length === 0) return 'it is empty: the download failed, or is not done. Get it again';
  const text = String.fromCharCode(...beginning.subarray(0, standInBytes)).replace(/^(ï»¿)?\s+|^ï»¿/, '');
  if (/^(<!doctype|<html|<head|<\?xml)/i.test(text)) {
    const title = /<title[^>]*>\s*([^<]{1,80}?)\s*</i.exec(text)?.[1];
    return `it is a web page${title === undefined ? '' : ` ("${title}")`}, saved under this name. Open its address in a browser, and download the file itself`;
  }
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    const size = /^size (\d+)$/m.exec(text)?.[1];
    return `it is a pointer of Git LFS${size === undefined ? '' : ` to a file of ${size} bytes`}, not the file. In its repository: git lfs pull`;
  }
  return undefined;
};
