import { spawnSync } from 'node:child_process';
import { connectionRoom } from '../../../src/composition/http.js';
import { loadConfig } from '../../../src/infrastructure/config/config.js';
import { descriptorsShort, openFilesLimit, refuseFewFiles } from '../../../src/infrastructure/system/open-files.js';

describe('file descriptors', () => {
  test.each(['scripts/run.mjs main.js', 'dist/main.js'])('%s says what is short where they are few', (program) => {
    const { status, stderr, stdout } = spawnSync('sh', ['-c', `ulimit -n 64; exec node ${program}`], {
      encoding: 'utf8',
    });
    expect(stderr).toBe(
      'File descriptors: expected a limit of at least 512 open files, got 64. Raise it with `ulimit -n 1024`, ' +
        'LimitNOFILE of systemd, or --ulimit nofile of docker\n',
    );
    expect([status, stdout]).toEqual([1, '']);
  });

  test('of this process are as many as the shell says', () => {
    const { stdout } = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' });
    expect(String(openFilesLimit() ?? 'unlimited')).toBe(stdout.trim());
    expect(() => refuseFewFiles(511)).toThrow('got 511');
    expect(() => refuseFewFiles(512)).not.toThrow();
  });

  test('that ran out are recognised in an error, however deep it lies', () => {
    const short = Object.assign(new Error('open'), { code: 'EMFILE' });
    expect(descriptorsShort(new Error('no database', { cause: short }))).toMatch(/^File descriptors: .*ulimit -n/);
    expect(descriptorsShort(Object.assign(new Error('open'), { code: 'ENOENT' }))).toBeUndefined();
  });

  test('bound the connections where they are fewer than MAX_CONNECTIONS needs', () => {
    const config = loadConfig({ MAX_CONNECTIONS: '1000' });
    expect(connectionRoom(config, 20_000)).toEqual({ open: 1_000, warning: undefined });
    const { open, warning } = connectionRoom(config, 1_024);
    expect(open).toBe(1_024 - 382);
    expect(warning).toContain('at least 1382 open files for MAX_CONNECTIONS=1000, got 1024');
  });
});
