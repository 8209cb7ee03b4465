import { csvOfTable } from '../../tables/csv.js';
import type { Cell, Table } from '../../tables/table.js';
import { saveText } from './save.js';

const cellContent = (cell: Cell) => {
  if (typeof cell === 'string') return cell;
  const { text, detail, strong, code } = cell;
  const shown = code ? <code>{text}</code> : strong ? <strong>{text}</strong> : text;
  return detail === undefined ? (
    shown
  ) : (
    <>
      {shown} <small>{detail}</small>
    </>
  );
};

export const CsvButton = ({ name, table }: { readonly name: string; readonly table: () => Table }) => (
  <button
    type="button"
    class="quiet"
    onClick={() => {
      saveText(`${name}.csv`, csvOfTable(table()));
    }}
  >
    CSV<span class="unseen"> of {name}</span>
  </button>
);

/** A table as it is, with its CSV. */
export const DataTable = ({ name, table }: { readonly name: string; readonly table: Table }) => (
  <div>
    <div class="scroll" tabIndex={0} role="region" aria-label={table.caption ?? name}>
      <table>
        {table.caption === undefined ? null : <caption>{table.caption}</caption>}
        <thead>
          <tr>
            {table.columns.map(({ title, align }) => (
              <th key={title} scope="col" class={align}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, column) => (
                <td key={column} class={table.columns[column]?.align}>
                  {cellContent(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
    {table.notes?.map((note) => (
      <p key={note} class="note">
        {note}
      </p>
    ))}
    <div class="actions">
      <CsvButton name={name} table={() => table} />
    </div>
  </div>
);
