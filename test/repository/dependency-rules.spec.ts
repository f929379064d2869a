import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

type Violation = Readonly<{ rule: { name: string }; from: string; to: string }>;

/** A source tree in which each import that is refused stands next to some that are allowed. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  'agents/brochure/index.ts': [
    'docx',
    '../../infrastructure/system/threads.js',
    '../../infrastructure/agents/caller.js',
  ],
  'testing/index.ts': ['../application/saga.js', '../infrastructure/system/threads.js', 'zod', './far.js'],
  'testing/far.ts': ['../infrastructure/agents/far.js'],
  'infrastructure/agents/far.ts': ['undici'],
  'infrastructure/agents/fake.ts': ['../../testing/index.js'],
  'tools/copy/main.ts': ['../../infrastructure/eventstore/connect.js', '../../application/saga.js'],
  'infrastructure/system/threads.ts': [],
  'infrastructure/eventstore/connect.ts': [],
  'main.ts': ['./app.module.js', 'pg'],
  'app.module.ts': [
    './interfaces/http/routes.js',
    './infrastructure/agents/caller.js',
    './infrastructure/eventstore/eventstore-db.event-log.js',
    './infrastructure/embedded-eventstore/index.js',
    './infrastructure/embedded-eventstore/log/writer.js',
  ],
  'composition/platform.ts': ['typeorm', 'undici'],
  'domain/state.ts': ['./step.js', 'node:crypto', 'zod', '../application/saga.js'],
  'domain/step.ts': [],
  'domain/forgotten.ts': [],
  'application/saga.ts': ['../domain/step.js', './loop.js', 'zod', '@nestjs/cqrs', 'node:crypto', 'node:fs', 'rxjs'],
  'application/reach.ts': ['../domain/state.js', '../infrastructure/agents/caller.js', './missing.js', 'yaml'],
  'application/log/append.ts': [],
  'application/log/stream-writer.ts': ['./append.js'],
  'application/workflow/workflows.ts': ['../log/stream-writer.js', '../log/append.js'],
  'application/loop.ts': ['./loop-back.js'],
  'application/loop-back.ts': ['./loop.js'],
  'infrastructure/agents/caller.ts': ['../../application/saga.js', 'undici', '../../interfaces/http/dto.js'],
  'infrastructure/agents/direct.ts': ['@eventstore/db-client', './caller.js', '../../app.module.js'],
  'infrastructure/eventstore/eventstore-db.event-log.ts': [
    '@eventstore/db-client',
    '@eventstore/db-client/generated/streams_pb.js',
  ],
  'infrastructure/embedded-eventstore/index.ts': ['./log/writer.js', '@eventstore/db-client'],
  'infrastructure/embedded-eventstore/log/writer.ts': ['@eventstore/db-client/generated/shared_pb.js', 'pg'],
  'interfaces/http/routes.ts': [
    './dto.js',
    '../../application/reach.js',
    'typeorm',
    '../../infrastructure/agents/direct.js',
  ],
  'interfaces/http/dto.ts': [],
  'interfaces/cli/quickstart.ts': ['../../app.module.js'],
};

const EXPECTED = [
  'application-layers: application/reach.ts -> infrastructure/agents/caller.ts',
  'application-node: application/saga.ts -> fs',
  'application-packages: application/reach.ts -> yaml',
  'application-packages: application/saga.ts -> rxjs',
  'clients: composition/platform.ts -> undici',
  'clients: main.ts -> pg',
  'document-agents-layers: agents/brochure/index.ts -> infrastructure/agents/caller.ts',
  'domain-is-alone: domain/state.ts -> application/saga.ts',
  'domain-is-alone: domain/state.ts -> crypto',
  'domain-is-alone: domain/state.ts -> zod',
  'embedded-eventstore-inside: app.module.ts -> infrastructure/embedded-eventstore/log/writer.ts',
  'eventstore-client: infrastructure/agents/direct.ts -> @eventstore/db-client',
  'eventstore-messages: infrastructure/embedded-eventstore/index.ts -> @eventstore/db-client',
  'infrastructure-layers: infrastructure/agents/caller.ts -> interfaces/http/dto.ts',
  'infrastructure-layers: infrastructure/agents/direct.ts -> app.module.ts',
  'infrastructure-layers: infrastructure/agents/fake.ts -> testing/index.ts',
  'interfaces-layers: interfaces/http/routes.ts -> infrastructure/agents/direct.ts',
  'log-messages: infrastructure/eventstore/eventstore-db.event-log.ts -> @eventstore/db-client',
  'no-circular: app.module.ts -> interfaces/http/routes.ts',
  'no-circular: application/loop-back.ts -> application/loop.ts',
  'no-development-packages: application/reach.ts -> yaml',
  'no-orphans: domain/forgotten.ts -> domain/forgotten.ts',
  'no-unresolvable: application/reach.ts -> ./missing.js',
  'one-write-path: application/workflow/workflows.ts -> application/log/append.ts',
  'testing-is-outermost: infrastructure/agents/fake.ts -> testing/index.ts',
  'testing-layers: testing/index.ts -> infrastructure/system/threads.ts',
  'testing-opens-no-connection: testing/far.ts -> undici',
  'testing-opens-no-connection: testing/index.ts -> undici',
  'testing-packages: testing/index.ts -> zod',
  'tools-layers: tools/copy/main.ts -> application/saga.ts',
  'typeorm: interfaces/http/routes.ts -> typeorm',
  'wiring-is-outermost: infrastructure/agents/direct.ts -> app.module.ts',
];

describe('the dependency rules', () => {
  const directory = mkdtempSync(join(tmpdir(), 'workflow-executor-rules-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('refuse each import that crosses an arrow, and no other', () => {
    for (const [file, imports] of Object.entries(SOURCES)) {
      const path = join(directory, 'src', file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, [...imports.map((name) => `import '${name}';`), 'export {};'].join('\n'));
    }
    for (const name of ['package.json', 'tsconfig.json', 'node_modules']) {
      symlinkSync(resolve(name), join(directory, name));
    }
    const cruiser = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const { stdout } = spawnSync(
      process.execPath,
      [cruiser, '--config', resolve('.dependency-cruiser.cjs'), '--output-type', 'json', 'src'],
      { cwd: directory, encoding: 'utf8' },
    );
    const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[] } };
    const short = (path: string) =>
      path
        .replace(/^src\//, '')
        .replace(/^.*node_modules\/((@[^/]+\/)?[^/]+)\/.*$/, '$1')
        .replace(/^node:/, '');
    const found = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${short(from)} -> ${short(to)}`);
    expect(found.sort()).toEqual(EXPECTED);
  });
});
