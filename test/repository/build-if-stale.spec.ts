import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

describe('build-if-stale', () => {
  let root: string;
  const inRoot = (...path: string[]) => join(root, ...path);
  const source = (text: string) => writeFileSync(inRoot('src', 'main.ts'), text);

  function run() {
    const { status, stderr } = spawnSync(process.execPath, [inRoot('scripts', 'build-if-stale.mjs')], {
      encoding: 'utf8',
    });
    return { status, stderr };
  }

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'workflow-executor-build-'));
    mkdirSync(inRoot('src'));
    cpSync('scripts', inRoot('scripts'), { recursive: true });
    for (const name of ['package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'])
      cpSync(name, inRoot(name));
    source('export const answer = 1;\n');
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('builds once, removes what a killed build left, and keeps the last good build when the sources do not compile', () => {
    symlinkSync(resolve('node_modules'), inRoot('node_modules'));
    const killed = spawnSync(process.execPath, ['--version']).pid;
    mkdirSync(inRoot(`.dist-${killed}`));
    expect(run()).toMatchObject({ status: 0, stderr: expect.stringContaining('Building') });
    expect(run()).toEqual({ status: 0, stderr: '' });

    source('export const answer: string = 2;\n');
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('dist/ is as it was') });
    expect(readFileSync(inRoot('dist', 'main.js'), 'utf8')).toContain('answer = 1');
    expect(readdirSync(root).filter((name) => name.startsWith('.dist-'))).toEqual([]);
  });

  it('says what to do if the compiler is not installed', () => {
    expect(run()).toEqual({ status: 1, stderr: expect.stringMatching(/dist\/ is missing[^]*npm ci/) });
  });

  it('needs no sources if there is a build', () => {
    rmSync(inRoot('src'), { recursive: true });
    mkdirSync(inRoot('dist'));
    writeFileSync(inRoot('dist', 'main.js'), '');
    expect(run()).toEqual({ status: 0, stderr: '' });
  });
});
