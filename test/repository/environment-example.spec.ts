import { readFileSync } from 'node:fs';
import { loadConfig } from '../../src/infrastructure/config/config.js';
import { VARIABLE_NAMES } from '../../src/infrastructure/config/variables.js';

const example = readFileSync('.env.example', 'utf8');
/** The file with every variable in it uncommented. */
const uncommented = example.replace(/^#(?=[A-Z_]+=)/gm, '');

describe('.env.example', () => {
  it('names every variable, each after a comment', () => {
    for (const name of VARIABLE_NAMES) expect(example).toMatch(new RegExp(`^# .*\\n#${name}=`, 'm'));
  });

  it('shows the defaults', () => {
    expect(loadConfig({}, uncommented)).toEqual(loadConfig({}));
    expect(loadConfig({}, uncommented.replace('PORT=3000', 'PORT=3001'))).toMatchObject({ port: 3001 });
  });

  it('changes nothing as it stands', () => {
    expect(loadConfig({}, example)).toEqual(loadConfig({}));
  });
});
