import { useEffect, useId, useState } from 'preact/hooks';

export interface Choice {
  readonly value: string;
  readonly title: string;
}

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly onChange: (value: string) => void;
}

export const Select = ({ label, value, choices, onChange }: SelectProps) => {
  const id = useId();
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          onChange(event.currentTarget.value);
        }}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value} selected={choice.value === value}>
            {choice.title}
          </option>
        ))}
      </select>
    </div>
  );
};

/** Milliseconds without another letter, after which what was typed is looked for. */
const pause = 250;

/** What is looked for while it is typed: everything that is shown is made anew, so not at every letter. */
export const Search = ({ value, onChange }: { readonly value: string; readonly onChange: (text: string) => void }) => {
  const id = useId();
  const [typed, setTyped] = useState<string>();
  useEffect(() => {
    if (typed === undefined) return;
    const later = setTimeout(() => {
      setTyped(undefined);
      onChange(typed);
    }, pause);
    return () => {
      clearTimeout(later);
    };
  }, [typed]);
  return (
    <div class="control">
      <label for={id}>Words in names and settings</label>
      <input
        id={id}
        type="search"
        placeholder=" "
        value={typed ?? value}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
        }}
      />
    </div>
  );
};

interface ChecksProps {
  readonly label: string;
  readonly chosen: readonly string[];
  readonly choices: readonly Choice[];
  readonly onChange: (chosen: string[]) => void;
  /** What is said where none is chosen. */
  readonly none: string;
  /** As many can be chosen; the others wait until one is taken away. */
  readonly most?: number;
}

/** Several of a list, folded away. */
export const Checks = ({ label, chosen, choices, onChange, none, most = Infinity }: ChecksProps) => (
  <details
    class="control checks"
    onKeyDown={(event) => {
      if (event.key !== 'Escape') return;
      event.currentTarget.open = false;
      event.currentTarget.querySelector('summary')?.focus();
    }}
  >
    <summary>
      {label}: {chosen.length === 0 ? none : `${chosen.length} of ${choices.length}`}
    </summary>
    <fieldset>
      <legend class="unseen">{label}</legend>
      {choices.map(({ value, title }) => (
        <label key={value}>
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            disabled={chosen.length >= most && !chosen.includes(value)}
            onChange={(event) => {
              const rest = chosen.filter((each) => each !== value);
              onChange(event.currentTarget.checked ? [...rest, value] : rest);
            }}
          />{' '}
          {title}
        </label>
      ))}
    </fieldset>
  </details>
);
