import 'reflect-metadata';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RequestMethod } from '@nestjs/common';

/** The keys under which Nest's decorators keep their arguments. */
const PATH = 'path';
const METHOD = 'method';

/** The WebSocket server answers these routes, no controller does. */
const UPGRADES = ['GET /realtime/v1/websocket'];

const controllerFiles = readdirSync('src/interfaces', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.controller.ts'))
  .map((name) => resolve('src/interfaces', name));

const listOf = (path: unknown): readonly string[] => (Array.isArray(path) ? path : [path]).map(String);

type Controller = Readonly<{ prototype: Readonly<Record<string, object>> }>;

function routesOf(controller: Controller): readonly string[] {
  const bases = listOf(Reflect.getMetadata(PATH, controller));
  return Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
    const handler = controller.prototype[name] ?? {};
    const method: RequestMethod | undefined = Reflect.getMetadata(METHOD, handler);
    if (method === undefined) return [];
    const ends = listOf(Reflect.getMetadata(PATH, handler));
    return bases.flatMap((base) => ends.map((end) => `${RequestMethod[method]} ${join('/', base, end)}`));
  });
}

const isController = (value: unknown) => typeof value === 'function' && Reflect.hasMetadata(PATH, value);

async function servedRoutes(): Promise<readonly string[]> {
  const exported: unknown[] = [];
  // One after the other: Jest's loader fails when imports that share modules run side by side.
  for (const file of controllerFiles) exported.push(...Object.values((await import(file)) as object));
  const controllers = exported.filter((value): value is Controller => isController(value));
  return [...controllers.flatMap(routesOf), ...UPGRADES].map((route) =>
    route.replace(/:(\w+)/g, '{$1}').replace(/(?<=.)\/$/, ''),
  );
}

/** The first cell of each row, without its query. */
const describedRoutes = [...readFileSync('docs/api.md', 'utf8').matchAll(/^\| `([A-Z]+ \/[^`?]*)[^`]*` /gm)].map(
  ([, route]) => route,
);

describe('docs/api.md', () => {
  it('lists every route of the application, and no other', async () => {
    expect([...describedRoutes].sort()).toEqual([...(await servedRoutes())].sort());
  });
});
