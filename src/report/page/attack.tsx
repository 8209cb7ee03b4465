import { useEffect, useRef, useState } from 'preact/hooks';
import type { Laboratory, ReportData } from '../data.js';
import {
  agreementOf,
  attackNames,
  attackSteps,
  breathe,
  largestOf,
  loadPageNetwork,
  logitsOf,
  publishedStepsOf,
  softmaxOf,
  startComputing,
  type Agreement,
  type AttackName,
  type Computing,
  type PageNetwork,
} from './computing.js';
import { percent } from '../../percent.js';
import { imagesOf } from './laboratory-images.js';
import { Checks, Select } from './controls.js';
import { CsvButton, DataTable } from './data-table.js';
import { embeddedOutcome } from './embedded.js';
import { Pixels } from './pixels.js';
import type { PageState } from './state.js';

const titles: Readonly<Record<AttackName, string>> = { fgsm: 'FGSM', 'pgd-sat': 'PGD (sat)', cw: 'CW∞' };
const mostNetworks = 3;
/** No larger radius is asked for: at 64/255 every image is another one. */
const mostEpsilon = 64;
const mostSteps = 200;

/** What one of the networks says of the image that it is shown. */
interface Seen {
  readonly title: string;
  readonly image: Float32Array;
  readonly clean: readonly number[];
  readonly attacked: readonly number[];
}

/** How far an attack has come, and what was chosen for it. */
interface Progress {
  readonly choice: string;
  readonly step: number;
  readonly seen: readonly Seen[];
}

interface AttackProps {
  readonly data: ReportData;
  readonly laboratory: Laboratory;
  readonly state: PageState;
}

const within = (text: string, fallback: number, least: number, most: number): number => {
  const value = Number(text === '' ? fallback : text);
  return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : fallback;
};

const agreementText = ({ images, logits, fgsm }: Agreement): string =>
  `logits within ${logits.toExponential(1)} of Node’s${
    fgsm === null ? '; FGSM is not among the records' : `; FGSM ends as its record says on ${fgsm} of ${images} images`
  }`;

export const Attack = ({ data, laboratory, state }: AttackProps) => {
  const place = useRef<HTMLDivElement>(null);
  const [computing, setComputing] = useState<Computing>();
  const [progress, setProgress] = useState<Progress>();
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState('');
  const [agreements, setAgreements] = useState<Readonly<Record<string, Agreement>>>({});
  const stop = useRef({ now: false });
  const loaded = useRef(new Map<string, PageNetwork>());
  const { networks, classes, labels, indices, imageSize } = laboratory;
  const titleOf = (run: string): string => {
    const found = data.runs.find(({ key }) => key === run);
    return found ? `${found.title}, ${found.student}, replicate ${found.seed}` : run.slice(0, 10);
  };
  const entries = networks.map((entry) => ({ entry, id: entry.run.slice(0, 10), title: titleOf(entry.run) }));
  const where = [
    ...new Set(
      data.runs
        .filter(({ key }) => networks.some(({ run }) => run === key))
        .map(({ data: set, scale }) => `${set} at ${scale}`),
    ),
  ];
  const ids = entries.map(({ id }) => id);
  const listed = state.chosen('networks', ids, ids.slice(0, 2)).slice(0, mostNetworks);
  const chosen = entries.filter(({ id }) => listed.includes(id));
  const number = Math.round(within(state.get('image'), 0, 0, labels.length - 1));
  const name = state.oneOf('try', attackNames, 'pgd-sat') as AttackName;
  const epsilon = within(state.get('epsilon'), 8, 0, mostEpsilon);
  const steps = name === 'fgsm' ? 1 : Math.round(within(state.get('steps'), publishedStepsOf(name), 1, mostSteps));
  const source = state.oneOf('source', listed, 'own');
  const backend = state.get('backend');
  const chosenIds = chosen.map(({ id }) => id).join();
  const choice = [number, name, epsilon, steps, source, chosenIds].join('|');
  const chosenNow = useRef(choice);
  chosenNow.current = choice;
  const networkOf = (id: string): PageNetwork => {
    const known = loaded.current.get(id);
    if (known) return known;
    const network = loadPageNetwork(entries.find((each) => each.id === id)!.entry);
    loaded.current.set(id, network);
    return network;
  };
  const start = async (): Promise<void> => {
    if (computing) return;
    setComputing(await startComputing(backend === 'cpu' ? 'cpu' : undefined));
  };
  const check = async (): Promise<void> => {
    await start();
    for (const { id, entry } of chosen) {
      if (agreements[id]) continue;
      const run = data.runs.find(({ key }) => key === entry.run);
      const outcome = run && embeddedOutcome(run, 'fgsm', laboratory);
      const bits = outcome?.every((bit) => bit !== undefined) ? outcome : null;
      const agreement = await agreementOf(networkOf(id), laboratory, bits);
      setAgreements((before) => ({ ...before, [id]: agreement }));
    }
  };
  const run = async (): Promise<void> => {
    setRunning(true);
    setProblem('');
    const own: { now: boolean } = { now: false };
    stop.current = own;
    const isStopped = (): boolean => own.now || chosenNow.current !== choice;
    try {
      await start();
      const images = imagesOf(laboratory, [number]);
      const clean = new Map<string, readonly number[]>();
      for (const { id } of chosen) clean.set(id, softmaxOf(await logitsOf(networkOf(id), images)));
      const request = {
        ...{ images, name, epsilon: epsilon / 255, steps, seed: 0 },
        labels: [labels[number]!],
        indices: [indices[number]!],
      };
      const sources = source === 'own' ? chosen.map(({ id }) => id) : [source];
      const running = new Map(sources.map((id) => [id, attackSteps({ ...request, network: networkOf(id) })]));
      const found = new Map<string, Float32Array>();
      try {
        for (let at = 0; at <= steps && !isStopped(); at++) {
          for (const [id, attack] of running) {
            const next = await attack.next();
            if (!next.done) found.set(id, next.value);
          }
          const now: Seen[] = [];
          for (const { id, title } of chosen) {
            const image = found.get(source === 'own' ? id : source)!;
            now.push({
              title,
              image,
              clean: clean.get(id)!,
              attacked: softmaxOf(await logitsOf(networkOf(id), image)),
            });
          }
          if (isStopped()) break;
          setProgress({ choice, step: at, seen: now });
          await breathe();
        }
      } finally {
        for (const attack of running.values()) await attack.return(undefined);
      }
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setRunning(false);
    }
  };
  // What was chosen meanwhile is not what an attack is of: it ends, and what it came to is not shown.
  const { step, seen } = progress?.choice === choice ? progress : { step: 0, seen: [] };
  useEffect(() => {
    // The check takes seconds: it is made for who comes here.
    const near = new IntersectionObserver((changes) => {
      if (!changes.some(({ isIntersecting }) => isIntersecting)) return;
      near.disconnect();
      check().catch((error: unknown) => {
        setProblem(error instanceof Error ? error.message : String(error));
      });
    });
    near.observe(place.current!);
    return () => {
      near.disconnect();
    };
  }, [chosenIds]);
  const original = imagesOf(laboratory, [number]);
  const label = labels[number]!;
  return (
    <div ref={place}>
      <p>
        Students of {where.join(' and ')}, whatever is chosen above: their images and weights are embedded. They run in
        this page, by the model and attack code that Node runs.
      </p>
      <div class="controls">
        <Checks
          label={`Networks (up to ${mostNetworks})`}
          chosen={chosen.map(({ id }) => id)}
          choices={entries.map(({ id, title }) => ({ value: id, title }))}
          none="none"
          most={mostNetworks}
          onChange={(next) => {
            state.choose('networks', next);
          }}
        />
        <Select
          label="Image"
          value={String(number)}
          choices={labels.map((own, i) => ({ value: String(i), title: `${i}: ${classes[own] ?? own}` }))}
          onChange={(value) => {
            state.set({ image: value });
          }}
        />
        <Select
          label="Attack"
          value={name}
          choices={attackNames.map((value) => ({ value, title: titles[value] }))}
          onChange={(value) => {
            state.set({ try: value, steps: '' });
          }}
        />
        <Select
          label="Made on"
          value={source}
          choices={[
            { value: 'own', title: 'each network itself' },
            ...chosen.map(({ id, title }) => ({ value: id, title: `${title}, and transferred` })),
          ]}
          onChange={(value) => {
            state.set({ source: value === 'own' ? '' : value });
          }}
        />
        {(
          [
            ['epsilon', 'ε in 255ths', epsilon, 0, mostEpsilon],
            ['steps', 'Steps', steps, 1, mostSteps],
          ] as const
        ).map(([key, title, value, least, most]) => (
          <div key={key} class="control">
            <label for={key}>{title}</label>
            <input
              id={key}
              type="number"
              min={least}
              max={most}
              value={value}
              disabled={key === 'steps' && name === 'fgsm'}
              onChange={(event) => {
                state.set({ [key]: event.currentTarget.value });
              }}
            />
          </div>
        ))}
        <button
          type="button"
          disabled={chosen.length === 0}
          onClick={() => {
            if (isRunning) stop.current.now = true;
            else void run();
          }}
        >
          {isRunning ? 'Stop' : 'Attack'}
        </button>
      </div>
      {problem === '' ? null : <p role="alert">{problem}</p>}
      <p role="status" class="note" data-step={seen.length > 0 ? step : ''}>
        {seen.length > 0 ? `Step ${step} of ${steps}.` : ''}
      </p>
      <ul class="images">
        <li>
          <figure>
            <Pixels values={original} size={imageSize} label={`image ${number} as it is`} />
            <figcaption>as it is: {classes[label]}</figcaption>
          </figure>
        </li>
        {seen.map(({ title, image, clean, attacked }) => {
          const answer = largestOf(attacked);
          return (
            <li key={title}>
              <h3>{title}</h3>
              <ul class="images">
                <li>
                  <figure>
                    <Pixels values={image} size={imageSize} label={`image ${number} as ${title} is shown it`} />
                    <figcaption>
                      attacked: {classes[answer]}{' '}
                      {answer === label
                        ? '(still right)'
                        : largestOf(clean) === label
                          ? '(wrong)'
                          : '(wrong, as before)'}
                    </figcaption>
                  </figure>
                </li>
                <li>
                  <figure>
                    <Pixels
                      values={image.map(
                        (value, i) => 0.5 + (epsilon === 0 ? 0 : ((value - original[i]!) * 255) / epsilon / 2),
                      )}
                      size={imageSize}
                      label="difference, amplified so that ε is black or white"
                    />
                    <figcaption>difference, ± ε as black and white</figcaption>
                  </figure>
                </li>
              </ul>
              <table class="bars">
                <caption class="unseen">Confidences of {title}</caption>
                <thead>
                  <tr>
                    <th scope="col">Class</th>
                    <th scope="col" class="right">
                      Before
                    </th>
                    <th scope="col" class="right">
                      Now
                    </th>
                    <th scope="col">
                      <span class="unseen">Now, as a bar</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {[...classes.keys()]
                    // The true class is always among them.
                    .sort(
                      (i, j) =>
                        Number(j === label) - Number(i === label) ||
                        clean[j]! + attacked[j]! - clean[i]! - attacked[i]!,
                    )
                    .slice(0, 5)
                    .map((i) => (
                      <tr key={i}>
                        <th scope="row">
                          {classes[i]}
                          {i === label ? ' ✓' : ''}
                        </th>
                        <td class="right">{percent(clean[i]!, 1)} %</td>
                        <td class="right">{percent(attacked[i]!, 1)} %</td>
                        <td>
                          <meter min={0} max={1} value={attacked[i]} aria-label={`confidence in ${classes[i] ?? i}`} />
                        </td>
                      </tr>
                    ))}
                </tbody>
              </table>
              <div class="actions">
                <CsvButton
                  name={`confidences of ${title}`}
                  table={() => ({
                    columns: ['class', 'is_true', 'before', 'now'].map((column) => ({ title: column })),
                    rows: classes.map((text, i) => [
                      text,
                      String(i === label),
                      { text: String(clean[i]), value: clean[i] },
                      { text: String(attacked[i]), value: attacked[i] },
                    ]),
                  })}
                />
              </div>
            </li>
          );
        })}
      </ul>
      <h3>Does this page compute what Node does?</h3>
      <DataTable
        name="agreement"
        table={{
          caption: 'Agreement of this page with Node, a row a network',
          columns: [{ title: 'Network' }, { title: 'Agreement' }],
          rows: chosen.map(({ id, title }) => [
            title,
            agreements[id] ? agreementText(agreements[id]) : 'is checked when this comes into view …',
          ]),
          notes: [
            `Over the ${labels.length} embedded images; asked for are logits within 10⁻³ and outcomes on 99 of 100.`,
          ],
        }}
      />
      {/* It is known late, when who came here may be pressing something: nothing that can be pressed is below it. */}
      {computing ? (
        <p class="note" data-backend={computing.backend}>
          What computes: {computing.reason}.
        </p>
      ) : null}
      {laboratory.without > 0 ? (
        <p class="note">
          {laboratory.without} networks are not here: their weights were not found (<code>dvc pull</code> brings those
          that were shipped) or would make the page too large.
        </p>
      ) : null}
    </div>
  );
};
