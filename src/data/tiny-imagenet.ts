import { UserError, messageOf } from '../errors.js';
import type { Progress } from '../progress.js';
import { datasetInfo } from './datasets.js';
import { visitMembers, type Member } from './members.js';
import { recordBytes } from './records.js';

/** Tiny-ImageNet, or a part of it, as canonical records and the names of its classes. */
export interface TinyImageNet {
  /** Canonical records, one a buffer. */
  readonly train: readonly Buffer[];
  /** The validation images: those of the official test part carry no labels. */
  readonly test: readonly Buffer[];
  /** Names of the classes in label order, from `words.txt`. */
  readonly classes: readonly string[];
  /** Their WordNet identifiers, ascending: a class's label is its place in this list. */
  readonly wnids: readonly string[];
}

/** Images that are decoded at the same time. */
const inFlight = 32;

/** An image that states more is refused before memory is taken for it. */
const mostPixels = 2 ** 20;

const trainPath = /(?:^|\/)train\/(n\d{8})\/(?:images\/)?([^/]+\.jpe?g)$/i;
const boxesPath = /(?:^|\/)train\/(n\d{8})\/\1_boxes\.txt$/;
const validationPath = /(?:^|\/)val\/images\/([^/]+\.jpe?g)$/i;
/** Many sort the validation images into a folder a class, for loaders that read folders. */
const sortedPath = /(?:^|\/)val\/(n\d{8})\/(?:images\/)?([^/]+\.jpe?g)$/i;
const listPath = /(?:^|\/)(wnids\.txt|words\.txt|val_annotations\.txt)$/;

const lines = (text: Buffer): { fields: string[]; line: number }[] =>
  text
    .toString('utf8')
    .split('\n')
    .map((row, i) => ({ fields: row.replace(/\r$/, '').split('\t'), line: i + 1 }))
    .filter(({ fields }) => fields[0] !== '');

/** Decodes JPEGs to records whose label byte is still 0. */
const createDecoder = async () => {
  const { default: sharp } = await import('sharp');
  // Every image is seen once, and so small that a thread each costs more than it gains.
  sharp.cache(false);
  sharp.concurrency(1);
  const { layout } = datasetInfo('tiny-imagenet');
  const plane = layout.height * layout.width;
  return async (jpeg: Buffer, where: string): Promise<Buffer> => {
    if (jpeg.length < 4 || jpeg.readUInt16BE(0) !== 0xffd8) {
      throw new UserError(
        `${where}: no JPEG: wanted the bytes ffd8 at byte 0, found ${jpeg.subarray(0, 2).toString('hex') || 'nothing'}`,
      );
    }
    // No colour profile is applied: the field's loaders take the samples as they are.
    const { data, info } = await sharp(jpeg, { failOn: 'warning', ignoreIcc: true, limitInputPixels: mostPixels })
      .raw()
      .toBuffer({ resolveWithObject: true })
      .catch((error: unknown) => {
        const reason = messageOf(error);
        throw new UserError(
          reason.includes('pixel limit')
            ? `${where}: more than ${mostPixels} pixels, wanted ${layout.width} × ${layout.height}`
            : `${where}: a broken JPEG: ${reason.replaceAll('\n', ' ').trim()}`,
        );
      });
    if (info.width !== layout.width || info.height !== layout.height) {
      throw new UserError(`${where}: ${info.width} × ${info.height} pixels, wanted ${layout.width} × ${layout.height}`);
    }
    // A grey image comes with three equal channels.
    if (info.channels !== 3) throw new UserError(`${where}: ${info.channels} channels, wanted 3, or 1 (grey)`);
    const record = Buffer.alloc(recordBytes(layout));
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < plane; i++) record[layout.headBytes + c * plane + i] = data[3 * i + c]!;
    }
    return record;
  };
};

const classesOf = (wnidsFile: Member | undefined, wordsFile: Member | undefined, path: string) => {
  if (!wnidsFile) {
    throw new UserError(
      `${path}: wnids.txt missing; wanted Tiny-ImageNet as it is published (tiny-imagenet-200: wnids.txt, train, val)`,
    );
  }
  const wnids: string[] = [];
  for (const { fields, line } of lines(wnidsFile.contents)) {
    const wnid = fields[0]!.trim();
    if (!/^n\d{8}$/.test(wnid))
      throw new UserError(`${wnidsFile.where}: line ${line}: '${wnid}' is no WordNet identifier (n01443537)`);
    if (wnids.includes(wnid)) throw new UserError(`${wnidsFile.where}: line ${line}: ${wnid} is there twice`);
    wnids.push(wnid);
  }
  const most = datasetInfo('tiny-imagenet').classes;
  if (wnids.length === 0 || wnids.length > most) {
    throw new UserError(`${wnidsFile.where}: ${wnids.length} classes, wanted 1 to ${most}`);
  }
  // The order that reading the training folders by name gives (torchvision's ImageFolder), not the order of the file.
  wnids.sort();
  const words = new Map(
    (wordsFile ? lines(wordsFile.contents) : []).map(({ fields: [wnid, names] }) => [wnid!, names]),
  );
  const names = wnids.map((wnid) => words.get(wnid)?.split(',')[0]?.trim() ?? wnid);
  // Some words name two classes.
  const classes = names.map((name, i) =>
    names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${wnids[i]!})`,
  );
  return { wnids, classes };
};

const sorted = (records: Buffer[]): Buffer[] => records.sort((a, b) => a.compare(b));

/**
 * Reads Tiny-ImageNet, or a part of it in the same layout, from its official zip or folder: `wnids.txt`, `words.txt`,
 * `train/<wnid>/images/*.JPEG`, `val/images/*.JPEG`, `val/val_annotations.txt`. Where the validation images are sorted
 * into classes (`val/<wnid>/*.JPEG`, `val/<wnid>/images/*.JPEG`), the folder is their label, and the list may lack;
 * `images` between a class and its images may lack too. Grey images become RGB.
 *
 * A record is a label byte (the place of its WordNet identifier in ascending order) and three planes of 64 × 64 bytes;
 * records are sorted as CIFAR's are.
 *
 * @throws UserError naming the file: a broken JPEG, another size, a label that `wnids.txt` does not list, an image that a
 * list names and that is missing.
 * @throws InterruptedError
 */
export const readTinyImageNet = async (
  path: string,
  options: { progress?: Progress; signal?: AbortSignal } = {},
): Promise<TinyImageNet> => {
  const decode = await createDecoder();
  const lists = new Map<string, Member>();
  const boxes: Member[] = [];
  const train = new Map<string, { record: Buffer; wnid: string; where: string }>();
  const validation = new Map<string, { record: Buffer; where: string; wnid: string | undefined }>();
  const pending = new Set<Promise<void>>();
  let failure: unknown;
  const once = (taken: boolean, where: string): void => {
    if (taken) throw new UserError(`${where} is there twice`);
  };
  const wanted = (inside: string): boolean =>
    [trainPath, boxesPath, validationPath, sortedPath, listPath].some((pattern) => pattern.test(inside));
  await visitMembers(
    path,
    {
      ...options,
      wanted,
      folder: { name: 'tiny-imagenet-200', depth: 4 },
      largest: 8e6,
      total: 1e9,
    },
    async (member) => {
      const { path: inside, contents, where } = member;
      const list = listPath.exec(inside)?.[1];
      const [, wnid, trainFile] = trainPath.exec(inside) ?? [];
      const [, sortedWnid, sortedFile] = sortedPath.exec(inside) ?? [];
      const validationFile = validationPath.exec(inside)?.[1] ?? sortedFile;
      if (list !== undefined) {
        once(lists.has(list), where);
        lists.set(list, member);
      } else if (boxesPath.test(inside)) {
        boxes.push(member);
      } else {
        const work = decode(contents, where)
          .then((record) => {
            if (wnid !== undefined && trainFile !== undefined) {
              const named = /^n\d{8}(?=_)/.exec(trainFile)?.[0];
              if (named !== undefined && named !== wnid) {
                throw new UserError(`${where}: the file's name says class ${named}, its folder ${wnid}: mislabelled`);
              }
              once(train.has(`${wnid}/${trainFile}`), where);
              train.set(`${wnid}/${trainFile}`, { record, wnid, where });
            } else if (validationFile !== undefined) {
              once(validation.has(validationFile), where);
              validation.set(validationFile, { record, where, wnid: sortedWnid });
            }
          })
          .catch((error: unknown) => {
            failure ??= error;
          })
          .finally(() => pending.delete(work));
        pending.add(work);
        if (pending.size >= inFlight) await Promise.race(pending);
      }
      if (failure !== undefined) throw failure instanceof Error ? failure : new Error(messageOf(failure));
    },
  ).finally(() => Promise.all(pending));
  if (failure !== undefined) throw failure instanceof Error ? failure : new Error(messageOf(failure));

  const { wnids, classes } = classesOf(lists.get('wnids.txt'), lists.get('words.txt'), path);
  const label = new Map(wnids.map((wnid, i) => [wnid, i]));
  for (const { record, wnid, where } of train.values()) {
    const known = label.get(wnid);
    if (known === undefined)
      throw new UserError(`${where}: class ${wnid} is not in wnids.txt: mislabelled or another set's`);
    record[0] = known;
  }
  for (const { contents, where } of boxes) {
    for (const { fields, line } of lines(contents)) {
      const wnid = fields[0]!.slice(0, 9);
      if (!train.has(`${wnid}/${fields[0]!}`))
        throw new UserError(`${where}: line ${line}: image ${fields[0]!} is missing`);
    }
  }
  const annotations = lists.get('val_annotations.txt');
  const listed = new Map<string, { wnid: string; at: string }>();
  for (const { fields, line } of annotations ? lines(annotations.contents) : []) {
    const [file = '', wnid = ''] = fields;
    const at = `${annotations!.where}: line ${line}`;
    if (!validation.has(file)) throw new UserError(`${at}: image ${file} is missing; get the archive again`);
    if (listed.has(file)) throw new UserError(`${at}: ${file} is there twice`);
    if (!label.has(wnid)) throw new UserError(`${at}: class '${wnid}' of ${file} is not in wnids.txt`);
    listed.set(file, { wnid, at });
  }
  for (const [file, { record, where, wnid }] of validation) {
    const line = listed.get(file);
    if (line && wnid !== undefined && line.wnid !== wnid)
      throw new UserError(`${where}: its folder says class ${wnid}, ${line.at} says ${line.wnid}: mislabelled`);
    const named = line?.wnid ?? wnid;
    if (named === undefined)
      throw new UserError(
        annotations
          ? `${where} has no line in val_annotations.txt, so no label`
          : `${path}: val/val_annotations.txt missing; without it the validation images have no labels`,
      );
    const known = label.get(named);
    if (known === undefined)
      throw new UserError(`${where}: class ${named} is not in wnids.txt: mislabelled or another set's`);
    record[0] = known;
  }
  if (train.size === 0 || validation.size === 0) {
    throw new UserError(
      `${path}: ${train.size} training and ${validation.size} validation images; wanted some of each`,
    );
  }
  return {
    train: sorted([...train.values()].map(({ record }) => record)),
    test: sorted([...validation.values()].map(({ record }) => record)),
    classes,
    wnids,
  };
};
