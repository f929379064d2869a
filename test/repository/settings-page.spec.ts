import { readFileSync } from 'node:fs';
import { SETTINGS_PAGE, settingsPage } from '../../scripts/settings-page.js';
import { AGENT_BOUNDS, AGENT_CREDENTIALS, VARIABLE_NAMES } from '../../src/infrastructure/config/variables.js';

const example = readFileSync('.env.example', 'utf8');

describe('docs/settings.md', () => {
  it('is what `npm run docs:settings` writes', async () => {
    expect(readFileSync(SETTINGS_PAGE, 'utf8')).toBe(await settingsPage(example));
  });

  it('has a row for every setting, and a row for the settings of a single agent', () => {
    const rows = readFileSync(SETTINGS_PAGE, 'utf8').match(/^\| `.*/gm) ?? [];
    const named = rows.flatMap((row) =>
      [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    const ofOneAgent = ['URL', ...AGENT_BOUNDS, ...AGENT_CREDENTIALS].map((end) => `AGENT_<NAME>_${end}`);
    expect(named.sort()).toEqual([...VARIABLE_NAMES, ...ofOneAgent].sort());
  });

  it('refuses an unknown setting', async () => {
    await expect(settingsPage(`${example}\n# No setting.\n#COLOUR=\n`)).rejects.toThrow('got COLOUR');
  });
});
