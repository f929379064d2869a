import { loadConfig } from '../../../src/infrastructure/config/config.js';

type Environment = Record<string, string>;

/** The problems that stop a start with these variables. */
function problems(env: Environment, envFile = ''): readonly string[] {
  try {
    loadConfig(env, envFile);
  } catch (error) {
    return (error as { problems: readonly string[] }).problems;
  }
  return [];
}

describe('a configuration that cannot be used', () => {
  it('is refused with one message that lists every problem', () => {
    expect(() => loadConfig({ PORT: 'http', LOG_LEVEL: 'loud', SAGA_SWEEP_INTERVAL: '5' }, 'COLOUR=blue\n')).toThrow(
      `The configuration cannot be used:
  - COLOUR (.env): expected a known name. Remove it, or see .env.example for the names there are.
  - SAGA_SWEEP_INTERVAL (environment): expected a known name. Did you mean SAGA_SWEEP_INTERVAL_MS? If it is another program's, add it to ALLOW_UNKNOWN_SETTINGS.
  - PORT: expected a whole number from 0 to 65535; got "http".
  - LOG_LEVEL: expected one of fatal, error, warn, log, debug, verbose; got "loud".
Correct the environment or .env; .env.example describes every name.`,
    );
  });

  it.each<[string, string]>([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '3000.5'],
    ['PORT', '0x10'],
    ['PORT', '1e3'],
    ['HOST', 'http://127.0.0.1'],
    ['HOST', 'a b'],
    ['REGULATED', 'yes'],
    ['TRUSTED_PROXY', 'everyone'],
    ['TRUSTED_PROXY', '10.0.0.0/33'],
    ['TRUSTED_PROXY', '0.0.0.0/0'],
    ['TRUSTED_PROXY', '::/0'],
    ['TRUSTED_PROXY', '10.0.0.1/8/8'],
    ['TRUSTED_PROXY', 'proxy.example.com'],
    ['TRUSTED_PROXY', 'fe80::1%eth0'],
    ['RATE_REQUESTS_PER_SECOND', '-1'],
    ['ALLOWED_HOSTS', 'api.example.com:3000'],
    ['ALLOWED_HOSTS', '*'],
    ['ALLOWED_HOSTS', 'a.example,'],
    ['ALLOWED_ORIGINS', '*'],
    ['ALLOWED_ORIGINS', 'app.example.com'],
    ['ALLOWED_ORIGINS', 'https://app.example.com/page'],
    ['ALLOWED_ORIGINS', 'null'],
    ['DATABASE_URL', 'mysql://db/app'],
    ['DATABASE_URL', 'postgres://'],
    ['DATABASE_POOL_SIZE', '1'],
    ['EVENTSTORE_URL', 'http://log:2113'],
    ['AGENT_BASE_URL', 'agents.example'],
    ['AGENT_BASE_URL', 'ftp://agents.example'],
    ['AGENT_WRITER_URL', 'file:///etc/passwd'],
    ['AGENT_WRITER_URL', 'http://name:word@writer'],
    ['SHUTDOWN_GRACE_MS', '2147483648'],
    ['SAGA_MAX_CONCURRENT_STEPS', '0'],
    ['BODY_LIMIT_BYTES', '99999999999999999999'],
    ['WORKER_TIMEOUT_MS', '5000'],
    ['METADATA_LIMIT_BYTES', '1048577'],
  ])('names %s where it is %j', (name, value) => {
    expect(problems({ [name]: value })).toEqual([expect.stringMatching(`^${name}: expected .*; got `)]);
  });

  const BEYOND = ['0.0.0.0', '192.168.1.5', '::', 'example.org', '127.0.0.1.example.org'];

  it.each(BEYOND)('does not listen on %s where nobody is asked who they are', (HOST) => {
    const expected = [expect.stringMatching(/^HOST: expected a loopback address .* set AUTH=keys or AUTH=oidc\.$/)];
    expect(problems({ HOST })).toEqual(expected);
    expect(problems({ HOST, TRUSTED_PROXY: 'loopback' })).toEqual(expected);
  });

  it.each(BEYOND)('does not listen on %s without TLS, and names both ways to it', (HOST) => {
    for (const AUTH of ['keys', 'oidc']) {
      /** What else a sign-in needs is not of this test. */
      const found = (more: Environment = {}) =>
        problems({ HOST, AUTH, ...more }).filter((each) => /^(HOST|TLS)/.test(each));
      expect(found()).toEqual([expect.stringMatching(/^HOST: .*TLS_CERT_FILE and TLS_KEY_FILE, or TRUSTED_PROXY/)]);
      expect(found({ TRUSTED_PROXY: '10.0.0.1' })).toEqual([]);
      expect(found({ TLS_CERT_FILE: 'a.pem', TLS_KEY_FILE: 'a.key' })).toEqual([]);
    }
  });

  it('asks for a certificate and its key together', () => {
    expect(problems({ TLS_CERT_FILE: 'a.pem' })).toEqual([expect.stringMatching(/^TLS_KEY_FILE: expected a file/)]);
    expect(problems({ TLS_KEY_FILE: 'a.key' })).toEqual([expect.stringMatching(/^TLS_CERT_FILE: expected a file/)]);
  });

  it.each([{ env: { ALLOW_UNAUTHENTICATED_NETWORK: 'false' } }, { file: 'ALLOW_UNAUTHENTICATED_NETWORK=true' }])(
    'does not start with the setting that let everyone in, and says what to set instead: %j',
    ({ env = {}, file = '' }: { env?: Environment; file?: string }) => {
      expect(problems(env, file)).toEqual([
        expect.stringMatching(
          /^ALLOW_UNAUTHENTICATED_NETWORK: expected it not to be set.* set AUTH=keys .*TRUSTED_PROXY\.$/,
        ),
      ]);
      expect(problems({ ...env, ALLOW_UNKNOWN_SETTINGS: 'ALLOW_UNAUTHENTICATED_NETWORK' }, file)).toHaveLength(1);
    },
  );

  it('takes no key of all Supabase clients where each gives its own', () => {
    expect(problems({ AUTH: 'keys', REALTIME_API_KEY: 'one' })).toEqual([
      expect.stringMatching(/^REALTIME_API_KEY: expected none with AUTH=keys/),
    ]);
    expect(problems({ REALTIME_API_KEY: 'one' })).toEqual([]);
  });

  describe('that is to be regulated', () => {
    const ACTIONS = 'pause,resume,retry,cancel,next_step,remaining,hold,release';
    const WHOLE = {
      ...{ REGULATED: 'true', AUTH: 'oidc', AUDIT_TRUSTED_KEYS: 'ab'.repeat(32), REQUIRE_REASON: ACTIONS },
      AUDIT_CHECKPOINT_FILE: '/mnt/worm/checkpoints.ndjson',
    };
    /** Other settings that a sign-in needs are not of this test. */
    const missing = (more: Environment) =>
      problems({ ...WHOLE, ...more }).filter((each) => each.startsWith('REGULATED'));

    it('names all that is missing at once', () => {
      expect(problems({ REGULATED: 'true' })).toEqual([
        'REGULATED: expected with it AUTH=oidc (got "local"); AUDIT_TRUSTED_KEYS (got none); ' +
          `AUDIT_CHECKPOINT_FILE outside DATA_DIR (got none); REQUIRE_REASON with ${ACTIONS} too.`,
      ]);
    });

    it('takes what is whole', () => expect(missing({})).toEqual([]));

    it.each<[Environment, string]>([
      [{ AUTH: 'keys' }, 'AUTH=oidc (got "keys")'],
      [{ AUDIT_TRUSTED_KEYS: '' }, 'AUDIT_TRUSTED_KEYS (got none)'],
      [{ REQUIRE_REASON: 'pause,resume,retry,cancel,next_step,remaining,hold' }, 'REQUIRE_REASON with release too'],
      [{ AUDIT_CHECKPOINT_FILE: './data/x.ndjson' }, 'outside DATA_DIR (got "./data/x.ndjson")'],
      [{ AUDIT_CHECKPOINT_FILE: './data/../data/x.ndjson' }, 'outside DATA_DIR'],
      [{ DATA_DIR: '/mnt' }, 'outside DATA_DIR'],
    ])('misses what %j leaves out', (more, what) => {
      expect(missing(more)).toEqual([expect.stringContaining(what)]);
      expect(missing(more)[0]).not.toContain(';');
    });

    it.each(['./database.ndjson', '../data/x.ndjson', './data-of-others/x.ndjson', './..data/x'])(
      'takes the file %s, which only looks like one in DATA_DIR',
      (AUDIT_CHECKPOINT_FILE) => expect(missing({ AUDIT_CHECKPOINT_FILE })).toEqual([]),
    );
  });

  it.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost'])('listens on %s', (host) => {
    expect(problems({ HOST: host })).toEqual([]);
  });

  it.each<[string, string]>([
    ['DATABASE_URL', 'mysql://app:s3cret@db/app'],
    ['DATABASE_URL', 'host=db password=s3cret'],
    ['EVENTSTORE_URL', 'http://admin:s3cret@log'],
    ['AGENT_BASE_URL', 'http://agent:s3cret@agents.example'],
    ['AGENT_WRITER_URL', 'http://agent:p@s3cret@agents.example'],
    ['AGENT_WRITER_URL', 'http://agents.example?key=s3cret'],
    ['SAGA_SECRET', 's3cret'],
  ])('keeps the secret of %s=%s to itself', (name, value) => {
    expect(problems({ [name]: value })).toEqual([expect.not.stringContaining('s3cret')]);
  });

  it.each<[string, string]>([
    ['AGENT_BASEURL', 'AGENT_BASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['EVENTSTORE_ULR', 'EVENTSTORE_URL'],
    ['WORKER_HEARTBEAT', 'WORKER_HEARTBEAT_MS'],
    ['AUDIT_CHECKPIONT_MS', 'AUDIT_CHECKPOINT_MS'],
    ['WEBHOOK_TIMEOUT', 'WEBHOOK_TIMEOUT_MS'],
    ['STREAM_HEARTBEAT', 'STREAM_HEARTBEAT_MS'],
    ['REBUILD_BATCHES', 'REBUILD_BATCH'],
    ['DATBASE_URL', 'DATABASE_URL'],
    ['EVENT_STORE_URL', 'EVENTSTORE_URL'],
    ['DATA_DIRS', 'DATA_DIR'],
    ['DATADIR', 'DATA_DIR'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['LOG_LEVL', 'LOG_LEVEL'],
    ['log_level', 'LOG_LEVEL'],
    ['PROT', 'PORT'],
    ['MAX_OPEN_STREAM', 'MAX_OPEN_STREAMS'],
    ['REQUEST_TIMEOUT', 'REQUEST_TIMEOUT_MS'],
    ['BODY_LIMIT', 'BODY_LIMIT_BYTES'],
    ['PUBLIC_URI', 'PUBLIC_URL'],
    ['TRUSTED_PROXIES', 'TRUSTED_PROXY'],
    ['ALLOWED_ORIGIN', 'ALLOWED_ORIGINS'],
  ])('asks of %s whether %s was meant', (name, known) => {
    expect(problems({ [name]: 'x' })).toEqual([expect.stringContaining(`Did you mean ${known}?`)]);
  });

  it('lists what contradicts next to what is malformed, unless it is the same', () => {
    expect(problems({ HOST: '0.0.0.0', PORT: 'x' })).toHaveLength(2);
    expect(problems({ BODY_LIMIT_BYTES: 'x', METADATA_LIMIT_BYTES: '2000000' })).toHaveLength(1);
  });

  it('asks for outputs that leave room in an append, and names the limit of the event log', () => {
    expect(problems({ EVENTSTORE_MAX_APPEND_BYTES: '131072' })).toEqual([]);
    expect(problems({ EVENTSTORE_MAX_APPEND_BYTES: '131072', INLINE_OUTPUT_BYTES: '65537' })).toEqual([
      expect.stringMatching(/^INLINE_OUTPUT_BYTES: expected at most 65536, half of EVENTSTORE_MAX_APPEND_BYTES/),
    ]);
  });

  it('names an unknown key once, though it stands in .env and in the environment', () => {
    expect(problems({ SAGA_SPEED: '1' }, 'SAGA_SPEED=1')).toHaveLength(1);
  });

  it('leaves alone what others put into the environment', () => {
    const kubernetes = {
      EVENTSTORE_SERVICE_HOST: '10.0.0.1',
      EVENTSTORE_PORT: 'tcp://10.0.0.1:2113',
      EVENTSTORE_PORT_2113_TCP_ADDR: '10.0.0.1',
    };
    expect(problems({ PATH: '/bin', HOME: '/root', npm_config_cache: '/x', ...kubernetes })).toEqual([]);
  });

  it.each([
    ['a shell', 'HOSTNAME', 'HOSTTYPE', 'LOGNAME', 'PWD', 'OLDPWD', 'SHLVL', 'TERM', '_', 'host', 'port', 'POST'],
    ['Node and npm', 'NODE_ENV', 'npm_package_version', 'npm_lifecycle_event', 'NODE_OPTIONS', 'JEST_WORKER_ID'],
    ['Postgres', 'PGHOST', 'PGPORT', 'PGDATA', 'PGDATABASE', 'POSTGRES_PASSWORD', 'POSTGRES_DB', 'POSTGRES_URL'],
    [
      'Azure Pipelines',
      'AGENT_ID',
      'AGENT_NAME',
      'AGENT_OS',
      'AGENT_TEMPDIRECTORY',
      'AGENT_DISABLELOGPLUGIN_TESTRESULTLOGPLUGIN',
    ],
    ['GitHub and GitLab', 'AGENT_TOOLSDIRECTORY', 'CI', 'RUNNER_TEMP', 'GITHUB_WORKSPACE', 'CI_PROJECT_DIR'],
    [
      'hosts',
      'DATABASE_URL_UNPOOLED',
      'DATABASE_PUBLIC_URL',
      'RAILWAY_PUBLIC_DOMAIN',
      'RENDER',
      'DYNO',
      'WEB_CONCURRENCY',
    ],
    ['Supabase and Next', 'SUPABASE_URL', 'SUPABASE_ANON_KEY', 'NEXT_PUBLIC_SUPABASE_URL'],
    ['this repository', 'FAILPOINT', 'TEST_POSTGRES_URL', 'RUST_LOG', 'XDG_DATA_DIRS', 'LC_ALL', 'DATE'],
  ])('leaves alone what %s sets', (_, ...names) => {
    expect(problems(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
  });

  it('leaves alone what it is told to, by name', () => {
    const env = { DATABASE_SIZE: '1', AGENT_SMITH: 'x', ALLOW_UNKNOWN_SETTINGS: 'DATABASE_SIZE, COLOUR' };
    expect(problems(env, 'COLOUR=blue')).toEqual([expect.stringMatching(/^AGENT_SMITH .*ALLOW_UNKNOWN_SETTINGS\.$/)]);
    expect(problems({ ALLOW_UNKNOWN_SETTINGS: '*' })).toEqual([expect.stringContaining('names of variables')]);
  });

  it('takes whatever is an agent of that name', () => {
    expect(problems({ AGENT_WRITTER_URL: 'http://w', AGENT_X_RATE_CALLS: '1' })).toEqual([]);
  });
});

describe('mode oidc', () => {
  const complete = {
    ...{ AUTH: 'oidc', OIDC_ISSUER: 'https://id.example/', OIDC_CLIENT_ID: 'app', OIDC_AUDIENCE: 'urn:app' },
    PUBLIC_URL: 'https://workflows.example.com',
  };

  it('says at once all that it needs and does not have', () => {
    const found = problems({ AUTH: 'oidc', OIDC_SCOPES: 'profile', OIDC_CLIENT_SECRET_FILE: '/does/not/exist' });
    expect(found.map((each) => each.split(':')[0])).toEqual([
      ...['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_AUDIENCE', 'PUBLIC_URL', 'OIDC_SCOPES', 'OIDC_CLIENT_SECRET_FILE'],
    ]);
  });

  it('asks nothing of the other modes', () => {
    expect(problems({ AUTH: 'keys', OIDC_CLIENT_SECRET_FILE: '/does/not/exist' })).toEqual([]);
  });

  it('keeps the issuer to the letter, and takes one that is not https on this machine only', () => {
    expect(loadConfig(complete).oidcIssuer).toBe('https://id.example/');
    expect(problems({ ...complete, OIDC_ISSUER: 'http://127.0.0.1:8080/realms/a' })).toEqual([]);
    for (const OIDC_ISSUER of ['http://id.example', 'https://u:p@id.example', 'https://id.example/?a', 'id.example'])
      expect(problems({ ...complete, OIDC_ISSUER })).toEqual([
        expect.stringMatching(/^OIDC_ISSUER: expected an https URL/),
      ]);
  });

  it("takes the provider's names of roles, each for one role or more", () => {
    const { oidcRoleNames } = loadConfig({ ...complete, OIDC_ROLE_NAMES: 'a=viewer, b=c=admin,a=reviewer' });
    expect([...oidcRoleNames!]).toEqual([
      ['a', ['viewer', 'reviewer']],
      ['b=c', ['admin']],
    ]);
    for (const OIDC_ROLE_NAMES of ['a', '=viewer', 'a=root'])
      expect(problems({ ...complete, OIDC_ROLE_NAMES })).toEqual([expect.stringMatching(/^OIDC_ROLE_NAMES: expected/)]);
  });
});
