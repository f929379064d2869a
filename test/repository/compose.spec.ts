import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { hostCheck } from '../../src/composition/http.js';
import { loadConfig } from '../../src/infrastructure/config/config.js';

type Service = Readonly<{
  image?: string;
  environment?: Record<string, string>;
  healthcheck?: object;
  ports?: string[];
  volumes?: string[];
  read_only?: boolean;
}>;
const { services, volumes } = parse(readFileSync('docker-compose.yml', 'utf8')) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
/** The application's settings as compose fills them in. */
const configOfApp = (given: Record<string, string> = {}) => {
  const values = { POSTGRES_PASSWORD: 'word', ...given } as Readonly<Record<string, string | undefined>>;
  const filled = (text: string) =>
    text.replace(/\$\{(\w+):(?:-([^}]*)|\?[^}]*)\}/g, (_, name: string, ifNone = '') => values[name] ?? String(ifNone));
  const environment = Object.entries(services['app']?.environment ?? {});
  return loadConfig(Object.fromEntries(environment.map(([name, value]) => [name, filled(value)])));
};
const dockerfile = readFileSync('Dockerfile', 'utf8');

describe('docker-compose.yml', () => {
  it('keeps to the schema of compose files', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['node_modules/dclint/bin/dclint.cjs', 'docker-compose.yml'],
      {
        encoding: 'utf8',
      },
    );
    expect(stdout.trim()).toBe('');
    expect(status).toBe(0);
  });

  it('publishes the application alone, on the loopback address', () => {
    const ports = Object.entries(services).map(([name, service]) => [name, service.ports]);
    expect(Object.fromEntries(ports)).toEqual({
      app: ['127.0.0.1:3000:3000'],
      eventstore: undefined,
      postgres: undefined,
    });
  });

  it('pins every image to a version', () => {
    const images = Object.values(services).flatMap(({ image }) => image ?? []);
    expect(images).toHaveLength(2);
    for (const image of images) expect(image).toMatch(/:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
    expect(services['eventstore']?.image).toMatch(/\/kurrentdb:/);
  });

  it('answers under loopback names only, unless a setting adds others', () => {
    const names = (more: Record<string, string> = {}) =>
      ['127.0.0.1:3000', 'localhost:3000', 'api.example.com', 'app:3000'].filter(hostCheck(configOfApp(more)));
    expect(names()).toEqual(['127.0.0.1:3000', 'localhost:3000']);
    expect(names({ ALLOWED_HOSTS: 'app' })).toContain('app:3000');
    expect(names({ PUBLIC_URL: 'https://api.example.com' })).toContain('api.example.com');
  });

  it('needs only the variables that the documented command sets', () => {
    const asked = [...readFileSync('docker-compose.yml', 'utf8').matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
    expect(new Set(asked)).toEqual(new Set(['POSTGRES_PASSWORD']));
    for (const file of ['README.md', 'CONTRIBUTING.md', 'docs/running.md', 'docker-compose.yml'])
      expect(readFileSync(file, 'utf8')).toMatch(/POSTGRES_PASSWORD=\S+ docker compose up --build --wait/);
  });

  it('keeps what is stored in named volumes', () => {
    const mounted = Object.values(services).flatMap((service) => service.volumes ?? []);
    expect(mounted.map((volume) => volume.split(':')[0]).sort()).toEqual(Object.keys(volumes).sort());
  });

  it('checks the health of every service', () => {
    expect(services['eventstore']?.healthcheck).toBeDefined();
    expect(services['postgres']?.healthcheck).toBeDefined();
    expect(dockerfile).toMatch(/^HEALTHCHECK [^]*\/health\/ready/m);
  });

  it('contains no password', () => {
    expect(services['postgres']?.environment?.['POSTGRES_PASSWORD']).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
    expect(services['app']?.environment?.['DATABASE_URL']).toContain(':${POSTGRES_PASSWORD:?');
  });

  it('gives the application a configuration that it accepts', () => {
    const config = configOfApp();
    expect(config.databaseUrl?.reveal()).toBe('postgres://workflow:word@postgres:5432/workflow');
  });

  it('asks everyone for a key, and shows how the first one is made', () => {
    expect(configOfApp()).toMatchObject({ auth: 'keys', trustedProxy: ['uniquelocal'] });
    const made = /docker compose exec app npm run --silent access -- keys create --name \S+ --role admin/;
    for (const file of ['docs/running.md', 'docker-compose.yml']) expect(readFileSync(file, 'utf8')).toMatch(made);
    const scripts = (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }).scripts;
    const [, runner] = /node (scripts\/\S+) interfaces\/cli\/access\.js$/.exec(scripts['access'] ?? '') ?? [];
    expect(dockerfile.slice(dockerfile.lastIndexOf('FROM'))).toMatch(/^COPY .*scripts .*scripts$/m);
    expect(runner).toBe('scripts/run.mjs');
  });

  it('runs the application as an unprivileged user, on a read-only root', () => {
    expect(services['app']?.read_only).toBe(true);
    expect(dockerfile.slice(dockerfile.lastIndexOf('FROM'))).toMatch(/^USER node$/m);
  });
});
