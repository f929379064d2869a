import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readProfiles, writeProfiles } from '../../../src/interfaces/cli/profiles.js';
import { profile } from '../../../src/interfaces/cli/workflow/profile.js';
import { captured } from './workflow/capture.js';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'profiles-'));
  file = path.join(folder, 'workflow-executor', 'profiles.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const content = { current: 'a', profiles: { a: { url: 'http://a', key: 'secret' } } };

test('profiles are read as they were written, and their file is their user’s alone', () => {
  expect(readProfiles(file)).toEqual({ current: null, profiles: {} });
  writeProfiles(content, file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readProfiles(file)).toEqual(content);
});

test('a file that others may read, or that holds something else, is refused without its content', () => {
  writeProfiles(content, file);
  chmodSync(file, 0o644);
  expect(() => readProfiles(file)).toThrow('expected mode 600, got 644');
  writeFileSync(file, '{"current": "secret');
  chmodSync(file, 0o600);
  expect(() => readProfiles(file)).toThrow(/expected the profiles as/);
  expect(() => readProfiles(file)).not.toThrow(/secret/);
});

test('the verb adds, uses, lists and removes profiles, and never shows a key', async () => {
  const before = process.env['XDG_CONFIG_HOME'];
  process.env['XDG_CONFIG_HOME'] = folder;
  try {
    const key = path.join(folder, 'key');
    writeFileSync(key, 'a-secret-key\n');
    const run = (...args: string[]) => captured(() => profile(args));
    await run('add', 'test', '--url', 'http://test:1/');
    await run('add', 'live', '--url', 'https://live', '--key-file', key);
    await run('use', 'live');
    const { output } = await run('list');
    expect(output).toBe('  test  http://test:1\n* live  https://live  with a key\n');
    expect(readProfiles(file).profiles['live']).toEqual({ url: 'https://live', key: 'a-secret-key' });
    expect((await run('list', '--json')).output).not.toContain('a-secret-key');
    await run('remove', 'live');
    expect(readProfiles(file)).toEqual({ current: null, profiles: { test: { url: 'http://test:1', key: null } } });
    await expect(run('use', 'live')).rejects.toThrow('Expected one of test as NAME, got live');
  } finally {
    if (before === undefined) delete process.env['XDG_CONFIG_HOME'];
    else process.env['XDG_CONFIG_HOME'] = before;
  }
});
