import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

type Report = Readonly<{ filePath: string; messages: readonly Readonly<{ ruleId: string; line: number }>[] }>;

/** Each line that ends in a comment breaks the rule it names; no other line breaks any. */
const SOURCES: Readonly<Record<string, string>> = {
  'src/domain/impure.ts': `
import { createHash, randomUUID } from 'node:crypto'; // no-restricted-imports
import { setTimeout as wait } from 'node:timers/promises'; // no-restricted-imports
export const now = Date.now(); // no-restricted-syntax
export const today = new Date(); // no-restricted-syntax
export const then = new Date('2026-01-01');
export const chance = Math.random(); // no-restricted-syntax
export const home = process.env['HOME']; // no-restricted-globals
export const started = setInterval(() => {}, 1); // no-restricted-globals
export const text = [createHash('md5'), randomUUID, wait];
`,
  'src/application/impure.ts': `
import { v4, v5 } from 'uuid'; // no-restricted-imports
setTimeout(() => {}, 1); // no-restricted-globals
setImmediate(() => {}); // no-restricted-globals
export const signal = AbortSignal.timeout(5); // no-restricted-syntax
export const ids = [v4, v5];
declare const log: { append(...of: unknown[]): void };
log.append('stream', [], 'none'); // no-restricted-syntax
log.append('leaf');
`,
  'src/infrastructure/clock.ts': `
export const now = () => Date.now();
export class ClockManager {} // no-restricted-syntax
export class DateHelper {} // no-restricted-syntax
export class ClockImpl {} // no-restricted-syntax
export abstract class AgentBase {} // no-restricted-syntax
export class ArtifactDatabase {}
export interface IClock { now: number } // no-restricted-syntax
export interface Identity { id: string }
export const loose = (value: any): string => String(value); // @typescript-eslint/no-explicit-any
export async function tick(): Promise<void> {}
export function careless(): void {
  tick(); // @typescript-eslint/no-floating-promises
  console.log('ticked'); // no-console
}
export function name(colour: 'red' | 'blue'): string {
  switch (colour) { // @typescript-eslint/switch-exhaustiveness-check
    case 'red':
      return 'r';
  }
  return '';
}
`,
  'src/infrastructure/long-file.ts': `${'export {};\n'.repeat(299)}export const last = 1;
export const more = 2; // max-lines`,
  'src/infrastructure/long-function.ts': `
export function longest(): void {
${'  void 0;\n'.repeat(57)}
}
export function longer(): void { // max-lines-per-function
${'  void 0;\n'.repeat(58)}
}
`,
  'test/long.spec.ts': `
export function asLongAsNeeded(): void {
${'  void 0;\n'.repeat(400)}
}
`,
  'test/skipped.spec.ts': `
describe.skip('a', () => {}); // no-restricted-syntax
it.only('b', () => {}); // no-restricted-syntax
test.todo('c'); // no-restricted-syntax
xit('d', () => {}); // no-restricted-syntax
it.each([1])('e', () => {});
`,
};

/** `file:line rule` for every line that ends in a comment. */
function expected(): string[] {
  return Object.entries(SOURCES).flatMap(([file, text]) =>
    text.split('\n').flatMap((line, index) => {
      const rule = /\/\/ (.+)$/.exec(line)?.[1];
      return rule ? [`${file}:${index + 1} ${rule}`] : [];
    }),
  );
}

describe('the lint rules', () => {
  const directory = mkdtempSync(join(tmpdir(), 'workflow-executor-lint-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('refuse what the style refuses, and no more', () => {
    for (const [file, text] of Object.entries(SOURCES)) {
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      writeFileSync(join(directory, file), text);
    }
    symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
    writeFileSync(
      join(directory, 'tsconfig.json'),
      JSON.stringify({ extends: resolve('tsconfig.json'), include: ['src', 'test'] }),
    );
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [resolve('node_modules/eslint/bin/eslint.js'), '--config', resolve('eslint.config.mjs'), '--format', 'json', '.'],
      { cwd: directory, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    const found = (JSON.parse(stdout) as Report[]).flatMap(({ filePath, messages }) => {
      const file = filePath.slice(filePath.search(/(src|test)[\\/][^\\/]*[\\/]?[^\\/]*$/)).replaceAll('\\', '/');
      return messages.map(({ line, ruleId }) => `${file}:${line} ${ruleId}`);
    });
    expect([...new Set(found)].sort()).toEqual(expected().sort());
  });
});
