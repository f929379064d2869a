/** The routes that Nest serves, as its decorators keep them: path, method, status, and the classes of what comes in. */
import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { documentedFields, type DocumentedField } from '../server/fields.js';

type Class = new (...given: never[]) => object;

/** The keys under which Nest's decorators keep their arguments. */
const [CONTROLLERS, PATH, METHOD, STATUS] = ['controllers', 'path', 'method', '__httpCode__'];
const [ARGUMENTS, TYPES] = ['__routeArguments__', 'design:paramtypes'];
const PLACES = { '3': 'body', '4': 'query', '5': 'path' } as const;
type Place = (typeof PLACES)[keyof typeof PLACES];

export type Route = Readonly<{
  /** By method and template, as in `access-table.ts`. */
  name: string;
  method: string;
  path: string;
  /** Undefined where the decorators say none. */
  status: number | undefined;
  fields: Readonly<Record<Place, readonly DocumentedField[]>>;
}>;

/** @param module of Nest, with its controllers */
export const routesOf = (module: Class): readonly Route[] =>
  (Reflect.getMetadata(CONTROLLERS, module) as readonly Class[]).flatMap((controller) => {
    const handlers = controller.prototype as Readonly<Record<string, object>>;
    return Object.getOwnPropertyNames(handlers).flatMap((name) => routesOfHandler(controller, name, handlers[name]!));
  });

const routesOfHandler = (controller: Class, name: string, handler: object): readonly Route[] => {
  const method = Reflect.getMetadata(METHOD, handler) as RequestMethod | undefined;
  if (method === undefined) return [];
  const [verb, status] = [RequestMethod[method], Reflect.getMetadata(STATUS, handler) as number | undefined];
  const fields = fieldsOf(controller, name);
  return listOf(Reflect.getMetadata(PATH, controller)).flatMap((base) =>
    listOf(Reflect.getMetadata(PATH, handler)).map((end) => {
      const path = `/${base}/${end}`.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
      return { name: `${verb} ${path}`, method: verb.toLowerCase(), path, status, fields };
    }),
  );
};

const listOf = (path: unknown): readonly string[] => [path].flat().map(String);

const fieldsOf = (controller: Class, name: string): Route['fields'] => {
  const found: Record<Place, readonly DocumentedField[]> = { body: [], query: [], path: [] };
  const types = Reflect.getMetadata(TYPES, controller.prototype as object, name) as readonly unknown[];
  const given = (Reflect.getMetadata(ARGUMENTS, controller, name) ?? {}) as Readonly<Record<string, Argument>>;
  for (const [key, { index, data }] of Object.entries(given)) {
    const place = PLACES[key.split(':', 1)[0] as keyof typeof PLACES] as Place | undefined;
    if (!place) continue;
    const type = types[index];
    if (typeof data === 'string') found[place] = [{ name: data, required: true, schema: { type: 'string' } }];
    else if (type !== Object) found[place] = documentedFields(type as Class & (new () => object));
  }
  return found;
};

type Argument = Readonly<{ index: number; data?: unknown }>;
