import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AnswerDirectory } from '../../../src/infrastructure/agents/answer-directory.js';

describe('the directory of kept answers', () => {
  let parent: string;
  let directory: string;
  let files: AnswerDirectory;
  beforeEach(async () => {
    parent = await mkdtemp(path.join(tmpdir(), 'answers-'));
    directory = path.join(parent, 'answers');
    files = new AnswerDirectory(directory);
  });
  afterEach(() => rm(parent, { recursive: true }));

  test('gives back what was written, and nothing where there is nothing', async () => {
    expect(await files.list()).toEqual([]);
    expect(await files.read('a')).toBeNull();
    await files.write('a', 'é');
    await files.write('b', 'other');
    await files.write('a', 'é again');
    expect(await files.read('a')).toBe('é again');
    const listed = [...(await new AnswerDirectory(directory).list())].sort((x, y) => x.name.localeCompare(y.name));
    expect(listed).toEqual([
      { name: 'a', bytes: 8 },
      { name: 'b', bytes: 5 },
    ]);
    await files.remove('a');
    await files.remove('a');
    expect((await files.list()).map(({ name }) => name)).toEqual(['b']);
  });

  test('shows its files to their owner alone', async () => {
    await files.write('a', 'secret');
    const mode = async (file: string) => (await stat(file)).mode & 0o777;
    expect(await mode(path.join(directory, 'a.json'))).toBe(0o600);
    expect(await mode(directory)).toBe(0o700);
  });

  test('leaves nothing of a file that could not be written, and nothing that a killed process left unfinished', async () => {
    await files.write('a', 'whole');
    const abandoned = path.join(directory, 'b.1.tmp');
    await writeFile(abandoned, 'hal');
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(abandoned, longAgo, longAgo);
    await writeFile(path.join(directory, 'c.1.tmp'), 'another process is writing it now');
    expect((await files.list()).map(({ name }) => name)).toEqual(['a']);
    expect((await readdir(directory)).sort()).toEqual(['a.json', 'c.1.tmp']);
  });

  test('fails where it cannot write', async () => {
    await writeFile(directory, 'a file stands here');
    await expect(files.write('a', 'x')).rejects.toThrow(/EEXIST|ENOTDIR/);
  });
});
