import type { Command } from 'commander';
import type { SettingDescription } from '../methods/describe-settings.js';
import type { Method } from '../methods/method.js';

const defaultText = (value: SettingDescription['default']): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(4))) : value === null ? 'left out' : String(value);

export const add = (program: Command): void => {
  program
    .command('methods')
    .description('list the training methods: where each is from, and the teachers that it needs; or describe one')
    .argument('[method]', 'the method to describe: its settings, with their defaults and meanings')
    .option('--json', 'print the published recipes and all settings too, as JSON')
    .action(async (name: string | undefined, { json = false }: { json?: boolean }) => {
      const [{ findMethod, methods }, { describeSettings }, { textOfTable }] = await Promise.all([
        import('../methods/catalogue.js'),
        import('../methods/describe-settings.js'),
        import('../tables/text.js'),
      ]);
      const teachersOf = ({ teachers }: Method): string => Object.keys(teachers).join(' + ') || '–';
      const recordOf = (method: Method) => ({
        name: method.name,
        title: method.title,
        source: method.source,
        teachers: { clean: method.teachers.clean ?? null, robust: method.teachers.robust ?? null },
        phases: method.phases ?? ['train'],
        settings: describeSettings(method),
        recipe: method.recipe,
      });
      const chosen = name === undefined ? undefined : findMethod(name);
      if (json) {
        process.stdout.write(`${JSON.stringify(chosen ? recordOf(chosen) : methods.map(recordOf), null, 2)}\n`);
        return;
      }
      if (chosen) {
        const settings = describeSettings(chosen).map(
          ({ name: setting, default: value, values, meaning }) =>
            `  ${setting}: ${defaultText(value)}  (${values})\n    ${meaning}\n`,
        );
        process.stdout.write(
          `${chosen.title}\n${chosen.source}\nTeachers: ${teachersOf(chosen)}\n\n` +
            (settings.length > 0
              ? `Settings, with their defaults:\n${settings.join('')}`
              : 'No settings of its own.\n') +
            `\nPublished recipe:\n${JSON.stringify(chosen.recipe, null, 2)}\n`,
        );
        return;
      }
      const rows = methods.map((method) => [method.name, method.title, teachersOf(method), method.source]);
      const columns = ['method', 'title', 'teachers', 'source'].map((title) => ({ title }));
      process.stdout.write(`${textOfTable({ columns, rows })}\n`);
    });
};
