import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { loadConfig } from '../../src/infrastructure/config/config.js';

type Service = Readonly<{
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

  it('publishes ports on the loopback address only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).toHaveLength(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
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

  it('holds no password', () => {
    expect(services['postgres']?.environment?.['POSTGRES_PASSWORD']).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
    expect(services['app']?.environment?.['DATABASE_URL']).toContain(':${POSTGRES_PASSWORD:?');
  });

  it('gives the application a configuration that it accepts', () => {
    const given = Object.entries(services['app']?.environment ?? {});
    const environment = given.map(([name, value]) => [name, value.replace(/\$\{[^}]*\}/, 'word')]);
    const config = loadConfig(Object.fromEntries(environment) as Record<string, string>);
    expect(config.databaseUrl?.reveal()).toBe('postgres://workflow:word@postgres:5432/workflow');
  });

  it('runs the application as nobody special, on a read-only root', () => {
    expect(services['app']?.read_only).toBe(true);
    expect(dockerfile.slice(dockerfile.lastIndexOf('FROM'))).toMatch(/^USER node$/m);
  });
});
