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

interface CsvButtonProps {
  /** Of its file. */
  readonly name: string;
  readonly table: () => Table;
  /** What stands on it, where there are several. */
  readonly title?: string;
}

export const CsvButton = ({ name, table, title }: CsvButtonProps) => (
  <button
    type="button"
    class="quiet"
    onClick={() => {
      saveText(`${name}.csv`, csvOfTable(table()));
    }}
  >
    {title ?? (
      <>
        CSV<span class="unseen"> of {name}</span>
      </>
    )}
  </button>
);

interface DataTableProps {
  /** Of its file. */
  readonly name: string;
  readonly table: Table & { readonly caption: string };
  /** What its file holds, where that is more than what is shown. */
  readonly file?: () => Table;
}

/** A table as it is, with its CSV. */
export const DataTable = ({ name, table, file = () => table }: DataTableProps) => (
  <div>
    <div class="scroll" tabIndex={0} role="region" aria-label={`Table: ${table.caption}`}>
      <table>
        <caption>{table.caption}</caption>
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
      <CsvButton name={name} table={file} />
    </div>
  </div>
);
